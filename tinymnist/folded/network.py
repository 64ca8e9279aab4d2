"""A trained network as other languages compute it: a list of steps over numbers, with nothing left of training.

Dropout is gone, batch norm is folded into the convolution before it, an activation belongs to the step before it, and a
linear layer is a convolution whose filters are as large as its input. Four kinds of step remain.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tinymnist.spec.plan import Pair
from tinymnist.spec.recipe import Normalize

Numbers: TypeAlias = NDArray[np.float32]
Shape = tuple[int, int, int]
"""Channels, height and width of a value, for one image."""


@dataclass(frozen=True, slots=True)
class Activation:
    """An elementwise function, by its name in the spec."""

    name: str
    slope: float | None = None
    """The slope of `leaky_relu` below zero; `prelu` becomes `leaky_relu` with the learned slope."""


@dataclass(frozen=True, slots=True)
class Factors:
    """A convolution in two steps: every filter over every input channel, and a 1x1 convolution of these features."""

    filters: Numbers
    """(number, height, width)"""
    mix: Numbers
    """(output channels, input channels / groups * number, 1, 1): the features of an input channel are neighbours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolution:
    """`activation(scale * (weight over source) + bias)`, with zeros as padding."""

    name: str
    source: int
    shape: Shape
    weight: Numbers
    """(output channels, input channels / groups, height, width); convolutions that share weights have the same
    object."""
    scale: Numbers | None
    """(output channels,) where weights are shared, so that batch norm cannot be folded into them; else None."""
    bias: Numbers
    """(output channels,)"""
    stride: Pair
    padding: Pair
    groups: int
    factors: Factors | None = None
    """Of `weight`, where they take fewer multiply-adds than it; else None."""
    activation: Activation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooling:
    """Maximum or average over windows. Padding never wins a maximum, and counts as zeros in an average."""

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
    """Brings each group of channels to mean 0 and variance 1 (biased, `eps` added), then applies the `weight` and
    `bias` of each channel."""

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
    """`steps` run in order. Value 0 is the normalised image; step i, counted from 0, gives value i + 1; the last value
    is the logits, of shape (classes, 1, 1)."""

    name: str
    input: Shape
    class_names: tuple[str, ...]
    """In the order of the logits."""
    normalize: Normalize
    """What a pixel of 0 to 255 becomes: `(pixel / 255 - mean) / std`."""
    steps: tuple[Step, ...]

    @property
    def classes(self) -> int:
        return len(self.class_names)

    def shape(self, value: int) -> Shape:
        return self.steps[value - 1].shape if value else self.input

    @property
    def blocks(self) -> dict[str, int]:
        """The value that each block of the spec ends with, by the block's name; `head` ends with the logits."""
        return {step.name.partition(".")[0]: index + 1 for index, step in enumerate(self.steps)}


def sources(step: Step) -> tuple[int, ...]:
    """The values that a step reads."""
    return (step.source, step.other) if isinstance(step, Addition) else (step.source,)
