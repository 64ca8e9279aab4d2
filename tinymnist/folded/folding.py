"""Folds a trained model, whose layers a plan describes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tinymnist.folded.network import (
    Activation,
    Addition,
    Convolution,
    Factors,
    GroupNorm,
    Network,
    Numbers,
    Pooling,
    Shape,
    Step,
)
from tinymnist.model.basis import BasisConv2d, Conv2d
from tinymnist.model.layers import SharedConv2d
from tinymnist.spec import Layer, Plan, Spec
from tinymnist.spec.plan import Pair

M = TypeVar("M", bound=nn.Module)


def fold(spec: Spec, model: nn.Sequential, class_names: Sequence[str] | None = None) -> Network:
    """The model that `build_model` made of `spec`, folded: what it computes in evaluation mode, as logits. Classes are
    numbers where they have no names."""
    names = tuple(map(str, range(spec.classes)) if class_names is None else class_names)
    folder = _folded(spec, model)
    return Network(spec.name, folder.input, names, spec.train.normalize, tuple(folder.steps))


def output_layers(spec: Spec, model: nn.Sequential) -> dict[int, str]:
    """The layer of the model that gives each value of the folded network, by the value's number."""
    return _folded(spec, model).outputs


def _folded(spec: Spec, model: nn.Sequential) -> "_Folder":
    folder = _Folder(model, spec.plan)
    with torch.no_grad():
        for layer in spec.plan.layers:
            folder.add(layer)
    return folder


class _Folder:
    """Turns the layers of a plan into steps. `values[n]` is the folded network's number for the plan's value n."""

    def __init__(self, model: nn.Sequential, plan: Plan) -> None:
        self.model = model
        self.input = _shape(plan.layers[0].input)
        self.steps: list[Step] = []
        self.values = [0]
        self.outputs: dict[int, str] = {}
        self._weights: dict[tuple[Conv2d, Pair], Numbers] = {}
        self._shared = {module.source for module in model.modules() if isinstance(module, SharedConv2d)}

    def add(self, layer: Layer) -> None:
        value = self.values[layer.sources[0]]
        if layer.label == "batch_norm" and self._follows_convolution(value):
            self._fold_batch_norm(value - 1, self._module(layer, nn.BatchNorm2d))
        elif layer.kind in ("conv", "linear", "pool", "add", "norm"):
            self.steps.append(self._step(layer, value))
            value = len(self.steps)
        elif layer.kind == "activation" and layer.label != "log_softmax":
            self._activate(value - 1, layer)
        else:  # nothing to compute: memory is flat, dropout is for training, and the result is logits
            assert layer.kind in ("flatten", "dropout", "activation"), layer.kind
            self.values.append(value)
            return
        self.outputs[value] = layer.name
        self.values.append(value)

    def _module(self, layer: Layer, kind: type[M]) -> M:
        module = self.model.get_submodule(layer.name)
        if isinstance(module, SharedConv2d):
            module = module.source
        assert isinstance(module, kind)
        return module

    def _step(self, layer: Layer, value: int) -> Step:
        if layer.kind == "conv":
            convolution = self._module(layer, nn.Module)
            assert isinstance(convolution, Conv2d)
            return self._convolution(layer, value, convolution)
        if layer.kind == "linear":
            return self._linear(layer, value, self._module(layer, nn.Linear))
        if layer.label == "batch_norm":
            return self._batch_norm(layer, value, self._module(layer, nn.BatchNorm2d))
        if layer.label == "group_norm":
            return self._group_norm(layer, value, self._module(layer, nn.GroupNorm))
        if layer.kind == "pool":
            return self._pooling(layer, value)
        other = self.values[layer.sources[1]]
        return Addition(name=layer.name, source=value, other=other, shape=_shape(layer.output))

    def _convolution(self, layer: Layer, value: int, conv: Conv2d) -> Convolution:
        assert layer.window is not None
        key = (conv, layer.window.dilation)
        if key not in self._weights:
            self._weights[key] = _numbers(_spread(conv.weight, layer.window.dilation))
        return Convolution(
            name=layer.name,
            source=value,
            shape=_shape(layer.output),
            weight=self._weights[key],
            scale=np.ones(conv.out_channels, np.float32) if conv in self._shared else None,
            bias=np.zeros(conv.out_channels, np.float32) if conv.bias is None else _numbers(conv.bias),
            stride=layer.window.stride,
            padding=layer.window.padding,
            groups=conv.groups,
            factors=_factors(layer, conv),
        )

    def _linear(self, layer: Layer, value: int, linear: nn.Linear) -> Convolution:
        source = self.steps[value - 1].shape if value else self.input
        outputs = linear.out_features
        return Convolution(
            name=layer.name,
            source=value,
            shape=_shape(layer.output),
            weight=_numbers(linear.weight).reshape(outputs, *source),
            scale=None,
            bias=np.zeros(outputs, np.float32) if linear.bias is None else _numbers(linear.bias),
            stride=(1, 1),
            padding=(0, 0),
            groups=1,
        )

    def _batch_norm(self, layer: Layer, value: int, norm: nn.BatchNorm2d) -> Convolution:
        """A batch norm as a convolution of each channel by itself."""
        weight, bias = _scale_and_shift(norm)
        return Convolution(
            name=layer.name,
            source=value,
            shape=_shape(layer.output),
            weight=_single(weight[:, None, None, None]),
            scale=None,
            bias=_single(bias),
            stride=(1, 1),
            padding=(0, 0),
            groups=norm.num_features,
        )

    def _follows_convolution(self, value: int) -> bool:
        step = self.steps[value - 1] if value else None
        return isinstance(step, Convolution) and step.activation is None

    def _group_norm(self, layer: Layer, value: int, norm: nn.GroupNorm) -> GroupNorm:
        return GroupNorm(
            name=layer.name,
            source=value,
            shape=_shape(layer.output),
            groups=norm.num_groups,
            eps=norm.eps,
            weight=_single(_affine(norm.weight, 1.0, norm.num_channels)),
            bias=_single(_affine(norm.bias, 0.0, norm.num_channels)),
        )

    @staticmethod
    def _pooling(layer: Layer, value: int) -> Pooling:
        assert layer.window is not None
        return Pooling(
            name=layer.name,
            source=value,
            shape=_shape(layer.output),
            average=layer.averages,
            kernel=layer.window.kernel,
            stride=layer.window.stride,
            padding=layer.window.padding,
            ceil=layer.window.ceil,
        )

    def _fold_batch_norm(self, index: int, norm: nn.BatchNorm2d) -> None:
        weight, bias = _scale_and_shift(norm)
        conv = self.steps[index]
        assert isinstance(conv, Convolution)
        bias += weight * conv.bias
        if conv.scale is None:
            column = weight[:, None, None, None]
            factors = conv.factors and replace(conv.factors, mix=_single(conv.factors.mix * column))
            self.steps[index] = replace(conv, weight=_single(conv.weight * column), factors=factors, bias=_single(bias))
        else:
            self.steps[index] = replace(conv, scale=_single(conv.scale * weight), bias=_single(bias))

    def _activate(self, index: int, layer: Layer) -> None:
        step, activation = self.steps[index], Activation(layer.label)
        assert not isinstance(step, Pooling)  # in the language, an activation follows a convolution, norm or addition
        if layer.label == "leaky_relu":
            activation = Activation("leaky_relu", self._module(layer, nn.LeakyReLU).negative_slope)
        elif layer.label == "prelu":
            activation = Activation("leaky_relu", self._module(layer, nn.PReLU).weight.item())
        self.steps[index] = replace(step, activation=activation)


def _shape(shape: tuple[int, ...]) -> Shape:
    """(channels, height, width), also for the vectors of the head."""
    channels, height, width = (*shape, 1, 1)[:3]
    return channels, height, width


def _factors(layer: Layer, conv: Conv2d) -> Factors | None:
    """Those of a convolution with a basis, where the plan counts fewer multiply-adds with them."""
    if layer.factors is None or layer.factors.dense <= layer.factors.factored:
        return None
    assert isinstance(conv, BasisConv2d)
    assert layer.window is not None
    mix = _numbers(conv.mix).reshape(conv.out_channels, -1, 1, 1)
    return Factors(_numbers(_spread(conv.filters, layer.window.dilation)), mix)


def _spread(filters: Tensor, dilation: Pair) -> Tensor:
    """Filters (…, height, width) of a dilated convolution as one without dilation has them: zeros between."""
    if dilation == (1, 1):
        return filters
    (high, wide), (down, across) = filters.shape[-2:], dilation
    spread = filters.new_zeros((*filters.shape[:-2], (high - 1) * down + 1, (wide - 1) * across + 1))
    spread[..., ::down, ::across] = filters
    return spread


def _scale_and_shift(norm: nn.BatchNorm2d) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What batch norm multiplies each channel by, and then adds."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    deviation = np.sqrt(norm.running_var.double().numpy() + norm.eps)
    weight = _affine(norm.weight, 1.0, norm.num_features) / deviation
    return weight, _affine(norm.bias, 0.0, norm.num_features) - weight * norm.running_mean.double().numpy()


def _affine(parameter: Tensor | None, default: float, channels: int) -> NDArray[np.float64]:
    return np.full(channels, default) if parameter is None else parameter.double().numpy()


def _numbers(tensor: Tensor) -> Numbers:
    return np.ascontiguousarray(tensor.numpy(), np.float32)


def _single(numbers: NDArray[np.float64]) -> Numbers:
    return numbers.astype(np.float32)
