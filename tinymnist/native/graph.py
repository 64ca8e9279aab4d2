"""A built network as the native engine runs it: roots, and the chains of cheap layers after them.

A root is a tensor that is kept (or made again): the images, what a convolution or a linear layer gives, a sum of two
paths. What follows a root up to the next one (norm, activation, one pooling, dropout) is a chain: it is never stored,
but computed again from the root wherever it is needed, in one pass over memory.
"""

from dataclasses import dataclass, field

from torch import Tensor, nn

from tinymnist.spec.plan import Pair

Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Activation:
    """`name` is that of the C function; `argument` its second argument: a number, or the index of a parameter."""

    name: str
    argument: float | None = None
    parameter: int | None = None


@dataclass(frozen=True, slots=True)
class Dropout:
    number: int
    p: float
    whole_channels: bool


Elementwise = Activation | Dropout


@dataclass(frozen=True, slots=True)
class Window:
    """Pooling: maximum or average over windows."""

    average: bool
    kernel: Pair
    stride: Pair
    padding: Pair


@dataclass(frozen=True, slots=True)
class BatchNorm:
    """Parameters by index, None where there are none."""

    eps: float
    momentum: float
    weight: int | None
    bias: int | None
    number: int
    """Counts the batch norms: the index of its running statistics."""


@dataclass(frozen=True, slots=True)
class GroupNorm:
    """Parameters by index, None where there are none."""

    groups: int
    eps: float
    weight: int | None
    bias: int | None


Norm = BatchNorm | GroupNorm


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution, or a linear layer as one of 1x1 over a vector, of the tensor that `node` gives."""

    node: "Node"
    weight: int
    bias: int | None
    groups: int
    inputs: int
    """Input and (below) output channels of a group."""
    outputs: int
    kernel: Pair
    stride: Pair
    padding: Pair
    linear: bool


@dataclass(frozen=True, slots=True)
class Addition:
    """The sum of two nodes, or with one, a copy of it."""

    nodes: tuple["Node", ...]


@dataclass(eq=False, slots=True)
class Root:
    index: int
    shape: Shape
    source: Convolution | Addition | None
    """None for the images."""
    norm: Norm | None = None


@dataclass(eq=False, slots=True)
class Node:
    """The end of a chain: what convolutions, additions and the loss take."""

    index: int
    root: Root
    before: tuple[Elementwise, ...]
    """Before and (below) after the window."""
    window: Window | None
    after: tuple[Elementwise, ...]
    shape: Shape
    uses: int = 0


@dataclass(slots=True)
class Graph:
    """`roots` and `nodes` in the order they run; `output` holds the logits."""

    shape: Shape
    classes: int
    parameters: list[Tensor] = field(default_factory=list)
    norms: list[nn.BatchNorm2d] = field(default_factory=list)
    roots: list[Root] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)

    @property
    def output(self) -> Node:
        return self.nodes[-1]
