"""Shapes and counts of a network, as data. `walk` makes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from tinymnist.spec.path import Path

FLOAT_BYTES = 4

Shape = tuple[int, ...]
Pair = tuple[int, int]
"""A height and a width."""

Kind = Literal["conv", "norm", "activation", "pool", "dropout", "add", "flatten", "linear"]


class PlanProblem(ValueError):
    """Raised for a layer that does not fit, with its path in the spec."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


@dataclass(frozen=True, slots=True)
class Window:
    """What slides over an image in a convolution or a pooling; sizes in pixels, (down, across)."""

    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair = (1, 1)
    ceil: bool = False
    """Whether an incomplete last window counts."""

    @property
    def reach(self) -> Pair:
        """Rows and columns from the first pixel it sees to the last."""
        (high, wide), (down, across) = self.kernel, self.dilation
        return (high - 1) * down + 1, (wide - 1) * across + 1


@dataclass(frozen=True, slots=True)
class Factors:
    """A convolution whose filters are weighted sums of a basis, and its multiply-adds for one image in both ways."""

    filters: int
    """Of the basis."""
    dense: int
    """As one convolution."""
    factored: int
    """With the basis on every input channel, and then a 1x1 convolution of what comes of it."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer, as the builder makes it."""

    name: str
    """Dotted name of the module in the built model, e.g. `block1.conv1`."""
    kind: Kind
    label: str
    """What it is, for people and for rules: `conv`, `depthwise`, `batch_norm`, `relu`, `max_pool`, `linear`, …"""
    sources: tuple[int, ...]
    """The values that it reads: 0 is the image, and n is the output of the plan's nth layer, counted from 1."""
    window: Window | None
    """The window of a convolution or pooling, None for other layers; a global pooling's is as large as its input."""
    input: Shape
    output: Shape
    parameters: int
    """Trainable numbers of this layer; those shared with an earlier layer are not counted again."""
    buffers: int
    """Numbers kept beside the parameters: batch norm's running mean and variance and its counter, a basis that is not
    learned."""
    macs: int
    """Multiply-adds for one image: convolutions and fully connected layers, without biases and norms; of a convolution
    with a basis, in the way that takes fewer."""
    factors: Factors | None
    """What a convolution with a basis is made of; None for other layers."""
    receptive_field: tuple[int, int]
    """Rows and columns of the input that one output may depend on, padding included."""
    alive: int
    """Numbers alive at once while it runs, batch 1: its input, its output, and what waits for a residual
    addition. Norms, activations, dropout and additions work in place; flatten only changes the view."""

    @property
    def averages(self) -> bool:
        """Whether a pooling takes the mean of a window instead of its maximum."""
        return self.label in ("average_pool", "global_average_pool")


@dataclass(frozen=True)
class Plan:
    """The layers of a network in the order in which they run, and their totals."""

    layers: tuple[Layer, ...]
    features: Mapping[str, int]
    """How often the network has each feature that a spec's `require` and `forbid` can name."""

    @cached_property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @cached_property
    def buffers(self) -> int:
        return sum(layer.buffers for layer in self.layers)

    @cached_property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)

    @cached_property
    def dense_macs(self) -> int:
        """Multiply-adds where convolutions with a basis are computed like any others."""
        return sum(layer.factors.dense if layer.factors else layer.macs for layer in self.layers)

    @cached_property
    def receptive_field(self) -> tuple[int, int]:
        """Rows and columns of the input that one number of the head's input may depend on."""
        return next(
            (layer.receptive_field for layer in reversed(self.layers) if not layer.name.startswith("head.")), (1, 1)
        )

    @cached_property
    def field_before_global_pooling(self) -> tuple[int, int] | None:
        """Rows and columns of the input that one number which the last global pooling reads may depend on; behind it,
        every number depends on all of the input. None for a network without global pooling."""
        pooled = [layer for layer in self.layers if layer.label.startswith("global_")]
        if not pooled:
            return None
        source = pooled[-1].sources[0]
        return self.layers[source - 1].receptive_field if source else (1, 1)

    @cached_property
    def peak_activation_bytes(self) -> int:
        """The largest sum of tensors alive at once in inference, batch 1, float32."""
        return FLOAT_BYTES * max(layer.alive for layer in self.layers)

    @cached_property
    def linears(self) -> tuple[Layer, ...]:
        return tuple(layer for layer in self.layers if layer.kind == "linear")

    @cached_property
    def blocks(self) -> dict[str, tuple[Layer, ...]]:
        """Layers by block; the head comes last, under `head`."""
        blocks: dict[str, list[Layer]] = {}
        for layer in self.layers:
            blocks.setdefault(layer.name.partition(".")[0], []).append(layer)
        return {name: tuple(layers) for name, layers in blocks.items()}
