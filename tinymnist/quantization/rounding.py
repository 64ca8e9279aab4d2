"""Rounds what a model computes as its int8 program will, so that it learns to bear it.

Quantisation-aware training as by Jacob et al. 2018 ("Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference"): weights and values are rounded on the way forward, and gradients pass as if they
had not been (the straight-through estimator). Scales are those of the exported program, by the same functions.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tinymnist.folded import Network, fold
from tinymnist.folded.folding import output_layers
from tinymnist.folded.network import Convolution
from tinymnist.model.basis import BasisConv2d
from tinymnist.model.layers import SharedConv2d
from tinymnist.quantization.finer import Finer, finer_values
from tinymnist.quantization.ranges import find_ranges
from tinymnist.quantization.scheme import powers, scaled_to_bytes, value_affines
from tinymnist.spec import Spec


class Rounding:
    """Of one model, which `build_model` made of `spec`. Raises `UsageError` for what has no int8 form."""

    def __init__(self, spec: Spec, model: nn.Sequential) -> None:
        self._spec, self._model = spec, model
        network = fold(spec, model)
        value_affines(network, [(0.0, 1.0)] * (len(network.steps) + 1), {})
        self._layers = {value: name for value, name in output_layers(spec, model).items() if value < len(network.steps)}

    @contextmanager
    def applied(self, images: Tensor) -> Iterator[None]:
        """Rounds weights and values within the context, with the scales that the export would choose if these images
        (N, C, H, W), uint8, were its calibration images."""
        with torch.no_grad():
            network = fold(self._spec, self._model)
        ranges = find_ranges(network, images)
        if not np.isfinite(ranges.values).all():  # training has diverged, as it will notice itself
            yield
            return
        finer = finer_values(network, ranges.channels)
        affines = value_affines(network, ranges.values, finer)
        rounded = self._rounded_weights(network, finer)
        for module in self._model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()  # as it is folded
        with ExitStack() as stack:
            for tensor, numbers in rounded:
                stack.callback(_fill, tensor, tensor.detach().clone())
                _fill(tensor, torch.from_numpy(numbers).to(tensor.dtype).reshape(tensor.shape))
            for value, layer in self._layers.items():
                affine = affines[value]
                bits = finer[value].bits if value in finer else np.zeros((), np.int64)
                hook = partial(_round_output, np.asarray(affine.scale / 2.0**bits), affine.zero)
                stack.callback(self._model.get_submodule(layer).register_forward_hook(hook).remove)
            yield

    def _rounded_weights(self, network: Network, finer: dict[int, Finer]) -> list[tuple[Tensor, NDArray[np.float64]]]:
        """The tensors of weights, and what becomes of them. The scale of batch norm does not matter: each output
        channel has a scale of its own. A convolution with a basis that is stored like any other is left as it is: no
        filters and mix of it give its bytes."""
        found: dict[int, tuple[Tensor, NDArray[np.float64]]] = {}
        for step in network.steps:
            if not isinstance(step, Convolution):
                continue
            module = self._model.get_submodule(step.name)
            module = module.source if isinstance(module, SharedConv2d) else module
            if isinstance(module, nn.BatchNorm2d) or id(module) in found:
                continue
            if not isinstance(module, BasisConv2d):
                assert isinstance(module, nn.Conv2d | nn.Linear)
                weight = module.weight.detach().numpy().reshape(step.weight.shape)
                found[id(module)] = module.weight, _rounded(weight, powers(step, weight, finer.get(step.source)))
            elif step.factors:
                filters = module.filters
                found[id(filters)] = filters, _rounded(filters.detach().numpy(), np.ones(1))
                scales = scaled_to_bytes(filters.detach().numpy())[1]
                mix = module.mix.detach().numpy().reshape(step.factors.mix.shape)
                by = np.resize(scales, mix.shape[1:]) * powers(step, mix, finer.get(step.source))
                found[id(module)] = module.mix, _rounded(mix, by)
        return list(found.values())


def _rounded(numbers: NDArray[np.float32], by: NDArray[np.float64]) -> NDArray[np.float64]:
    """What bytes keep of numbers that are multiplied by `by` first, divided by it again."""
    whole, scales = scaled_to_bytes(numbers * by)
    return whole * scales.reshape(-1, *[1] * (numbers.ndim - 1)) / by


def _fill(tensor: Tensor, numbers: Tensor) -> None:
    with torch.no_grad():
        tensor.copy_(numbers)


def _round_output(scale: NDArray[np.float64], zero: int, module: nn.Module, inputs: object, output: Tensor) -> Tensor:
    """The nearest numbers that bytes can mean. `scale` is one, or one per channel."""
    if scale.ndim == 0:
        return torch.fake_quantize_per_tensor_affine(output, float(scale), zero, 0, 255)
    zeros = torch.full((len(scale),), zero, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(output, torch.from_numpy(scale).float(), zeros, 1, 0, 255)
