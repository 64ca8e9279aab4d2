"""Rounds what a model computes as its program in whole numbers will, so that it learns to bear it.

Quantisation-aware training as by Jacob et al. 2018 ("Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference"): weights and values are rounded on the way forward, and gradients pass as if they
had not been (the straight-through estimator). Scales are those of the exported program, by the same functions.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tinymnist.choices import WholeDtype
from tinymnist.folded import Network, fold
from tinymnist.folded.folding import output_layers
from tinymnist.folded.network import Convolution, Factors
from tinymnist.model.basis import BasisConv2d
from tinymnist.model.layers import SharedConv2d
from tinymnist.quantization.finer import Finer, finer_values
from tinymnist.quantization.ranges import find_ranges
from tinymnist.quantization.scheme import value_affines
from tinymnist.quantization.weights import Weights, whole_weights
from tinymnist.spec import Spec

_Layer = BasisConv2d | nn.Conv2d | nn.Linear


class Rounding:
    """Of one model, which `build_model` made of `spec`. Raises `UsageError` for what has no form in whole numbers."""

    def __init__(self, spec: Spec, model: nn.Sequential, dtype: WholeDtype) -> None:
        self._spec, self._model, self._dtype = spec, model, dtype
        network = fold(spec, model)
        value_affines(network, [(0.0, 1.0)] * (len(network.steps) + 1), {})
        self._weights(network, {})
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
        weights = self._weights(network, finer)
        for module in self._model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()  # as it is folded
        with ExitStack() as undo:
            for layer, whole in weights.items():
                _round(layer, whole, undo)
            for value, name in self._layers.items():
                affine = affines[value]
                bits = finer[value].bits if value in finer else np.zeros((), np.int64)
                hook = partial(_round_output, np.asarray(affine.scale / 2.0**bits), affine.zero)
                undo.callback(self._model.get_submodule(name).register_forward_hook(hook).remove)
            yield

    def _weights(self, network: Network, finer: dict[int, Finer]) -> dict[_Layer, Weights]:
        """Those of each layer. The scale of batch norm does not matter: each output channel has a scale of its own."""
        found: dict[_Layer, Weights] = {}
        for step in network.steps:
            if not isinstance(step, Convolution):
                continue
            layer = self._model.get_submodule(step.name)
            layer = layer.source if isinstance(layer, SharedConv2d) else layer
            if isinstance(layer, nn.BatchNorm2d) or layer in found:
                continue
            assert isinstance(layer, _Layer)
            found[layer] = whole_weights(_unfolded(step, layer), finer.get(step.source), self._dtype)
        return found


def _unfolded(step: Convolution, layer: _Layer) -> Convolution:
    """The step with the weights of the layer, in which no batch norm is folded, and no zeros lie between a window's
    places."""
    weight = layer.weight.detach().numpy()
    weight = weight.reshape(step.weight.shape) if isinstance(layer, nn.Linear) else weight
    factors = step.factors
    if factors:
        assert isinstance(layer, BasisConv2d)
        filters, mix = layer.filters.detach().numpy(), layer.mix.detach().numpy()
        factors = Factors(filters, mix.reshape(factors.mix.shape))
    return replace(step, weight=weight, factors=factors)


def _round(layer: _Layer, weights: Weights, undo: ExitStack) -> None:
    """Rounds the weights of a layer, until `undo` is closed."""
    if not isinstance(layer, BasisConv2d):
        _fill(layer.weight, weights.rounded, undo)
    elif weights.filters is None:  # stored like any other convolution
        layer.rounded = torch.from_numpy(weights.rounded).to(layer.mix.dtype)
        undo.callback(setattr, layer, "rounded", None)
    else:
        _fill(layer.mix, weights.rounded, undo)
        _fill(layer.filters, weights.rounded_filters, undo)


def _fill(tensor: Tensor, numbers: NDArray[np.float64], undo: ExitStack) -> None:
    with torch.no_grad():
        undo.callback(_copy, tensor, tensor.detach().clone())
        _copy(tensor, torch.from_numpy(numbers).reshape(tensor.shape))


def _copy(tensor: Tensor, numbers: Tensor) -> None:
    with torch.no_grad():
        tensor.copy_(numbers)


def _round_output(scale: NDArray[np.float64], zero: int, module: nn.Module, inputs: object, output: Tensor) -> Tensor:
    """The nearest numbers that bytes can mean. `scale` is one, or one per channel."""
    if scale.ndim == 0:
        return torch.fake_quantize_per_tensor_affine(output, float(scale), zero, 0, 255)
    zeros = torch.full((len(scale),), zero, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(output, torch.from_numpy(scale).float(), zeros, 1, 0, 255)
