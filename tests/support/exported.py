"""How far exported programs are from the network that they were made from."""

import shutil

import numpy as np
import torch
from numpy.typing import NDArray

from tests.support.int8_reference import whole_logits
from tests.support.models import trained
from tinymnist import Spec
from tinymnist.choices import Optimize, WholeDtype
from tinymnist.export.c.compiling import c_compiler, compute_logits
from tinymnist.export.c.float32 import float32_program
from tinymnist.export.c.integer import integer_program
from tinymnist.export.page.encoding import network_json
from tinymnist.export.page.verification import node_logits
from tinymnist.folded.folding import fold
from tinymnist.folded.interpreter import values
from tinymnist.folded.network import Network
from tinymnist.model.pixels import normalized
from tinymnist.quantization.ranges import Ranges, find_ranges
from tinymnist.quantization.scheme import quantize

COMPILER = c_compiler()
NODE = shutil.which("node")


def images_for(network: Network) -> NDArray[np.uint8]:
    """(N, channels, height, width): noise, black, white."""
    noise = np.random.default_rng(0).integers(0, 256, (4, *network.input), np.uint8)
    return np.concatenate([noise, np.zeros_like(noise[:1]), np.full_like(noise[:1], 255)])


def as_taken_in(network: Network, images: NDArray[np.uint8]) -> torch.Tensor:
    scale, shift = network.normalize.scale_and_shift
    return torch.from_numpy(images).float() * scale + shift


def channels_last(images: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 2, 3, 1)))


def difference_of_float32(network: Network, flags: tuple[str, ...], optimize: Optimize = "size") -> float:
    assert COMPILER is not None
    images = images_for(network)
    expected = values(network, as_taken_in(network, images))[-1].flatten(1).numpy()
    found = compute_logits(float32_program(network, optimize), channels_last(images), COMPILER, flags)
    return float(np.abs(found - expected).max() / (1.0 + np.abs(expected).max()))


def difference_of_integers(
    network: Network, flags: tuple[str, ...], optimize: Optimize = "size", dtype: WholeDtype = "int8"
) -> int:
    assert COMPILER is not None
    images = images_for(network)
    quantized = quantize(network, *seen_ranges(network, images[:3]), dtype)  # the others may saturate
    found = compute_logits(integer_program(network, quantized, optimize), channels_last(images), COMPILER, flags)
    return int(np.abs(found - whole_logits(network, quantized, images)).max())


def seen_ranges(network: Network, images: NDArray[np.uint8]) -> Ranges:
    return find_ranges(network, torch.from_numpy(images), quantile=1)


def folded(spec: Spec) -> Network:
    return fold(spec, trained(spec))


def difference_in_node(spec: Spec) -> float:
    """The largest difference from the interpreter, relative to 1 + the largest logit."""
    assert NODE is not None
    network = fold(spec, trained(spec))
    images = torch.randint(0, 256, (3, *network.input), dtype=torch.uint8)
    pixels = images.flatten(0, 1)
    expected = values(network, normalized(pixels, network.normalize, torch.device("cpu")).reshape(images.shape))[-1]
    found = node_logits(NODE, network_json(network), images)
    return float((found - expected.flatten(1)).abs().max() / (1.0 + expected.abs().max()))
