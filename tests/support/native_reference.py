"""Compares the native engine with PyTorch in float64: outputs, every gradient, running statistics."""

import copy
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from tinymnist import Spec
from tinymnist.model import build_model
from tinymnist.native import NativeNetwork
from tinymnist.spec.recipe import Normalize

RELATIVE, ABSOLUTE = 1e-4, 1e-6


class FixedDropout(nn.Module):
    """Drops what the native engine drops, by its own rule: a hash of seed, layer, image and element."""

    def __init__(self, number: int, p: float, whole_channels: bool, seed: int) -> None:
        super().__init__()
        self.number, self.p, self.whole_channels, self.seed = number, p, whole_channels, seed

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        images = np.arange(len(x), dtype=np.uint32)[:, None]
        size = x[0].numel()
        elements = np.arange(size, dtype=np.uint32)
        if self.whole_channels:
            elements = elements // np.uint32(x[0, 0].numel())
        layer = np.uint32(self.number * 0xC2B2AE3D % 2**32)
        place = _mixed(images * np.uint32(0x9E3779B1) + np.uint32(self.seed)) + (
            (elements * np.uint32(0x85EBCA77)) ^ layer
        )
        kept = torch.from_numpy(_mixed(place) >= np.uint32(min(round(self.p * 2**32), 2**32 - 1)))
        return x * kept.reshape(x.shape) / (1 - self.p)


def _mixed(h: NDArray[np.uint32]) -> NDArray[np.uint32]:
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    mixed: NDArray[np.uint32] = h ^ (h >> np.uint32(16))
    return mixed


def with_fixed_dropout(model: nn.Sequential, seed: int) -> nn.Sequential:
    """A copy whose dropout layers drop what the native engine drops for `seed`."""
    model = copy.deepcopy(model)
    dropouts = [(name, child) for name, child in model.named_modules() if isinstance(child, nn.Dropout | nn.Dropout2d)]
    for number, (name, child) in enumerate(dropouts, start=1):  # in the order in which they run
        model.set_submodule(name, FixedDropout(number, child.p, isinstance(child, nn.Dropout2d), seed))
    return model


def differences(spec: Spec, n: int, *, threads: int = 2, seed: int = 7, cache: Path | None = None) -> dict[str, float]:
    """The largest difference in each tensor between native and PyTorch's float64, as a share of what is allowed, after
    one step with `n` random images and random weights."""
    torch.manual_seed(seed)
    model = build_model(spec)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    reference = with_fixed_dropout(model, seed).double()
    images = torch.randint(0, 256, (n, spec.input.channels, spec.input.height, spec.input.width), dtype=torch.uint8)
    labels = torch.randint(0, spec.classes, (n,))
    scale, shift = Normalize().scale_and_shift
    network = NativeNetwork(spec, model, scale=scale, shift=shift, batch_size=n, threads=threads, cache=cache)
    logits = torch.empty(n, spec.classes)
    totals = network.step(images, labels, seed, logits=logits)
    pixels = images.double() * scale + shift
    outputs = reference.train()(pixels)
    loss = functional.cross_entropy(outputs, labels)
    loss.backward()
    pairs = {
        "outputs": (logits.log_softmax(1), outputs.log_softmax(1)),
        "loss": (torch.tensor(totals.loss / n), loss),
    }
    for (name, parameter), expected in zip(model.named_parameters(), reference.parameters(), strict=True):
        assert parameter.grad is not None
        assert expected.grad is not None
        pairs[f"gradient of {name}"] = (parameter.grad, expected.grad)
    for (name, buffer), kept in zip(model.named_buffers(), reference.buffers(), strict=True):
        pairs[name] = (buffer.clone(), kept.clone())
    network.score(images, labels, logits)
    pairs["outputs in inference"] = (logits.log_softmax(1), reference.eval()(pixels).log_softmax(1))
    network.close()
    return {name: _share(ours.detach(), theirs.detach()) for name, (ours, theirs) in pairs.items()}


def _share(ours: Tensor, theirs: Tensor) -> float:
    allowed = RELATIVE * float(theirs.abs().max()) + ABSOLUTE
    worst = float((ours.double() - theirs).abs().max())
    return worst / allowed if worst == worst else float("inf")
