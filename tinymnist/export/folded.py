"""A trained network as other languages compute it: a list of steps over numbers, with nothing left of training.

Dropout is gone, batch norm is folded into the convolution before it, an activation belongs to the step before it, and a
linear layer is a convolution whose filters are as large as its input. What remains is four kinds of step.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tinymnist.spec.plan import Pair
from tinymnist.spec.recipe import Normalize

Numbers: TypeAlias = NDArray[np.float32]
Shape = tuple[int, int, int]
"""Channels, height, width of one image's values."""


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
