"""A trained network as other languages compute it: a list of steps over numbers, with nothing left of training.

Dropout is gone, batch norm is folded into the convolution before it, an activation belongs to the step before it, and a
linear layer is a convolution whose filters are as large as its input. What remains is four kinds of step.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tinymnist.model.layers import Residual, SharedConv2d
from tinymnist.spec import Spec
from tinymnist.spec.recipe import Normalize

Numbers: TypeAlias = NDArray[np.float32]
Shape = tuple[int, int, int]
"""Channels, height, width of one image's values."""
Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Activation:
    """A function of each number, by its name in the spec; of `leaky_relu` with the slope below zero."""

    name: str
    slope: float | None = None
    """Of `leaky_relu`; `prelu` becomes one, with the slope that was learned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolution:
    """`activation(scale * (weight over source) + bias)`; padding is with zeros."""

    name: str
    source: int
    shape: Shape
    weight: Numbers
    """(output channels, input channels / groups, height, width); where convolutions share weights, the same object."""
    scale: Numbers | None
    """(output channels,), where the weights are shared and so could not take it in; else None."""
    bias: Numbers
    """(output channels,)"""
    stride: Pair
    padding: Pair
    groups: int
    activation: Activation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooling:
    """Maximum or average over windows; the padding of a maximum never wins, that of an average counts as zeros."""

    name: str
    source: int
    shape: Shape
    average: bool
    kernel: Pair
    stride: Pair
    padding: Pair
    ceil: bool
    """Whether the last windows may reach beyond the padding; an average then divides by what lies within it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupNorm:
    """Each group of channels to mean 0 and variance 1 (biased, `eps` added), then `weight` and `bias` by channel."""

    name: str
    source: int
    shape: Shape
    groups: int
    eps: float
    weight: Numbers
    bias: Numbers
    activation: Activation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """The sum of two values of the same shape."""

    name: str
    source: int
    other: int
    shape: Shape
    activation: Activation | None = None


Step: TypeAlias = Convolution | Pooling | GroupNorm | Addition


@dataclass(frozen=True, slots=True)
class Network:
    """`steps` run in their order. Value 0 is the image, normalised; step i gives value i + 1; the last value is the
    logits, of shape (classes, 1, 1)."""

    name: str
    input: Shape
    classes: int
    normalize: Normalize
    """What a pixel of 0 to 255 becomes: `(pixel / 255 - mean) / std`."""
    steps: tuple[Step, ...]

    def shape(self, value: int) -> Shape:
        return self.steps[value - 1].shape if value else self.input

    @property
    def last_uses(self) -> list[int]:
        """Of each value, the index of the last step that takes it; the logits are never done with."""
        last = [len(self.steps)] * (len(self.steps) + 1)
        for value in range(len(self.steps)):
            last[value] = max(index for index, step in enumerate(self.steps) if value in sources(step))
        return last

    @property
    def blocks(self) -> dict[str, int]:
        """The value that each block of the spec ends with, by its name; the head's are the logits."""
        return {step.name.partition(".")[0]: index + 1 for index, step in enumerate(self.steps)}


def sources(step: Step) -> tuple[int, ...]:
    """The values that a step takes."""
    return (step.source, step.other) if isinstance(step, Addition) else (step.source,)


def fold(spec: Spec, model: nn.Sequential) -> Network:
    """The network that `build_model` made of `spec`, as it computes in evaluation mode."""
    shape = (spec.input.channels, spec.input.height, spec.input.width)
    with torch.no_grad():
        steps = _Folder(shape, model).steps
    return Network(spec.name, shape, spec.classes, spec.train.normalize, tuple(steps))


_ACTIVATIONS: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.ReLU6: "relu6",
    nn.ELU: "elu",
    nn.GELU: "gelu",
    nn.SiLU: "silu",
    nn.Mish: "mish",
    nn.Hardswish: "hardswish",
    nn.Tanh: "tanh",
    nn.Sigmoid: "sigmoid",
}


class _Folder:
    """Follows the layers of a model in the order they run; `value` is the one that the next layer takes."""

    def __init__(self, shape: Shape, model: nn.Module) -> None:
        self.input = shape
        self.steps: list[Step] = []
        self.value = 0
        self._weights: dict[nn.Conv2d, Numbers] = {}
        self._shared = {module.source for module in model.modules() if isinstance(module, SharedConv2d)}
        self._follow(model, "")

    def _shape(self, value: int) -> Shape:
        return self.steps[value - 1].shape if value else self.input

    def _add(self, step: Step) -> None:
        self.steps.append(step)
        self.value = len(self.steps)

    def _follow(self, module: nn.Module, name: str) -> None:
        if isinstance(module, nn.Sequential):
            for child_name, child in module.named_children():
                self._follow(child, f"{name}.{child_name}".lstrip("."))
        elif isinstance(module, Residual):
            self._residual(module, name)
        elif isinstance(module, nn.Conv2d):
            self._convolution(module, module.stride, module.padding, name)
        elif isinstance(module, SharedConv2d):
            self._convolution(module.source, module.stride, module.padding, name)
        elif isinstance(module, nn.Linear):
            self._linear(module, name)
        elif isinstance(module, nn.BatchNorm2d):
            self._batch_norm(module)
        elif isinstance(module, nn.GroupNorm):
            self._group_norm(module, name)
        elif isinstance(module, nn.MaxPool2d | nn.AvgPool2d | nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d):
            self._pool(module, name)
        elif isinstance(module, nn.LeakyReLU):
            self._activate(Activation("leaky_relu", module.negative_slope))
        elif isinstance(module, nn.PReLU):
            self._activate(Activation("leaky_relu", module.weight.item()))
        elif type(module) in _ACTIVATIONS:
            self._activate(Activation(_ACTIVATIONS[type(module)]))
        else:  # memory is flat; and of dropout and log-softmax, nothing is left to compute
            assert isinstance(module, nn.Flatten | nn.Dropout | nn.Dropout2d | nn.LogSoftmax | nn.Identity), module

    def _convolution(self, conv: nn.Conv2d, stride: tuple[int, ...], padding: object, name: str) -> None:
        if conv not in self._weights:
            self._weights[conv] = _numbers(conv.weight)
        weight, outputs = self._weights[conv], conv.out_channels
        kernel, stride, pad = _pair(weight.shape[2:]), _pair(stride), _pair(padding)
        self._add(
            Convolution(
                name=name,
                source=self.value,
                shape=(outputs, *_windows(self._shape(self.value), kernel, stride, pad)),
                weight=weight,
                scale=np.ones(outputs, np.float32) if conv in self._shared else None,
                bias=np.zeros(outputs, np.float32) if conv.bias is None else _numbers(conv.bias),
                stride=stride,
                padding=pad,
                groups=conv.groups,
            )
        )

    def _linear(self, linear: nn.Linear, name: str) -> None:
        shape = self._shape(self.value)
        outputs = linear.out_features
        self._add(
            Convolution(
                name=name,
                source=self.value,
                shape=(outputs, 1, 1),
                weight=_numbers(linear.weight).reshape(outputs, *shape),
                scale=None,
                bias=np.zeros(outputs, np.float32) if linear.bias is None else _numbers(linear.bias),
                stride=(1, 1),
                padding=(0, 0),
                groups=1,
            )
        )

    def _batch_norm(self, norm: nn.BatchNorm2d) -> None:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        deviation = np.sqrt(norm.running_var.double().numpy() + norm.eps)
        weight = _affine(norm.weight, 1.0, norm.num_features) / deviation
        bias = _affine(norm.bias, 0.0, norm.num_features) - weight * norm.running_mean.double().numpy()
        last = self.steps[-1]
        assert isinstance(last, Convolution)  # in the language, a norm follows a convolution
        bias += weight * last.bias
        if last.scale is None:
            folded = _single(last.weight * weight[:, None, None, None])
            self.steps[-1] = replace(last, weight=folded, bias=_single(bias))
        else:
            self.steps[-1] = replace(last, scale=_single(last.scale * weight), bias=_single(bias))

    def _group_norm(self, norm: nn.GroupNorm, name: str) -> None:
        self._add(
            GroupNorm(
                name=name,
                source=self.value,
                shape=self._shape(self.value),
                groups=norm.num_groups,
                eps=norm.eps,
                weight=_single(_affine(norm.weight, 1.0, norm.num_channels)),
                bias=_single(_affine(norm.bias, 0.0, norm.num_channels)),
            )
        )

    def _pool(self, pool: nn.MaxPool2d | nn.AvgPool2d | nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d, name: str) -> None:
        channels, *size = self._shape(self.value)
        if isinstance(pool, nn.MaxPool2d | nn.AvgPool2d):
            kernel, stride, padding = _pair(pool.kernel_size), _pair(pool.stride), _pair(pool.padding)
            ceil = pool.ceil_mode
        else:
            kernel, stride, padding, ceil = _pair(size), (1, 1), (0, 0), False
        self._add(
            Pooling(
                name=name,
                source=self.value,
                shape=(channels, *_windows((channels, *_pair(size)), kernel, stride, padding, ceil)),
                average=isinstance(pool, nn.AvgPool2d | nn.AdaptiveAvgPool2d),
                kernel=kernel,
                stride=stride,
                padding=padding,
                ceil=ceil,
            )
        )

    def _activate(self, activation: Activation) -> None:
        last = self.steps[-1]
        assert not isinstance(last, Pooling)  # in the language, an activation follows a convolution, norm or addition
        self.steps[-1] = replace(last, activation=activation)

    def _residual(self, residual: Residual, name: str) -> None:
        entry = self.value
        self._follow(residual.body, f"{name}.body")
        body = self.value
        self.value = entry
        self._follow(residual.shortcut, f"{name}.shortcut")
        self._add(Addition(name=name, source=body, other=self.value, shape=self._shape(body)))


def _affine(parameter: Tensor | None, default: float, channels: int) -> NDArray[np.float64]:
    return np.full(channels, default) if parameter is None else parameter.double().numpy()


def _numbers(tensor: Tensor) -> Numbers:
    return np.ascontiguousarray(tensor.numpy(), np.float32)


def _single(numbers: NDArray[np.float64]) -> Numbers:
    return numbers.astype(np.float32)


def _pair(value: object) -> Pair:
    if isinstance(value, int):
        return value, value
    assert isinstance(value, tuple | list)
    first, second = value
    return int(first), int(second)


def _windows(shape: Shape, kernel: Pair, stride: Pair, padding: Pair, ceil: bool = False) -> Pair:
    """How many windows fit, down and across."""

    def sizes() -> Iterator[int]:
        for length, wide, step, border in zip(shape[1:], kernel, stride, padding, strict=True):
            room = length + 2 * border - wide
            steps = -(-room // step) if ceil else room // step
            # as torch: the last window must start inside the image or the padding before it
            yield steps if ceil and steps * step >= length + border else steps + 1

    down, across = sizes()
    return down, across
