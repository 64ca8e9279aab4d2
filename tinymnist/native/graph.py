"""A built network as the native engine runs it: roots, and the chains of cheap layers after them.

A root is a tensor that is kept (or recomputed): the images, the output of a convolution or a linear layer, the sum of
two paths. What follows a root up to the next one (norm, activations, at most one pooling, dropout) is a chain: it is
never stored, but recomputed from the root wherever it is needed, in one pass over memory.
"""

from dataclasses import dataclass, field

from torch import Tensor, nn

from tinymnist.spec.plan import Pair

Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Activation:
    """An elementwise function, `name` in `csrc/vectors.h`. Its second argument, if it has one, is the number `argument`
    or the parameter with the index `parameter`."""

    name: str
    argument: float | None = None
    parameter: int | None = None


@dataclass(frozen=True, slots=True)
class Dropout:
    """Drops values with probability `p`. `number` counts a network's dropouts from 1, so that each draws its own."""

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
    """`weight` and `bias` are indices of parameters, None where the norm has none."""

    eps: float
    momentum: float
    weight: int | None
    bias: int | None
    number: int
    """Index among the network's batch norms, and so of its running statistics."""


@dataclass(frozen=True, slots=True)
class GroupNorm:
    """`weight` and `bias` are indices of parameters, None where the norm has none."""

    groups: int
    eps: float
    weight: int | None
    bias: int | None


Norm = BatchNorm | GroupNorm


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution of what `node` gives, or a linear layer, which is a 1x1 convolution over a vector. `weight` and
    `bias` are indices of parameters."""

    node: "Node"
    weight: int
    bias: int | None
    groups: int
    inputs: int
    """Input channels per group."""
    outputs: int
    """Output channels per group."""
    kernel: Pair
    stride: Pair
    padding: Pair
    linear: bool


@dataclass(frozen=True, slots=True)
class Addition:
    """The sum of two nodes, or a copy of one."""

    nodes: tuple["Node", ...]


@dataclass(eq=False, slots=True)
class Root:
    """A tensor that is kept or recomputed, with the norm that follows it."""

    index: int
    shape: Shape
    source: Convolution | Addition | None
    """None for the images."""
    norm: Norm | None = None


@dataclass(eq=False, slots=True)
class Node:
    """The end of a chain: what convolutions, additions and the loss read."""

    index: int
    root: Root
    before: tuple[Elementwise, ...]
    """Layers before the window, or all of them where there is no window."""
    window: Window | None
    after: tuple[Elementwise, ...]
    """Layers after the window."""
    shape: Shape
    uses: int = 0
    """How often the node is read."""


@dataclass(frozen=True, slots=True)
class Composition:
    """A weight that is computed of two tensors before a batch, as `BasisConv2d.weight` is, and gives them its gradient
    afterwards. All three are indices of parameters."""

    weight: int
    mix: int
    filters: int


@dataclass(slots=True)
class Graph:
    """`roots` and `nodes` are in the order in which they run; `output` holds the logits."""

    shape: Shape
    """One image: (channels, height, width)."""
    classes: int
    parameters: list[Tensor] = field(default_factory=list)
    """Of the model, and tensors that are used like them: constants, and what is composed."""
    compositions: list[Composition] = field(default_factory=list)
    norms: list[nn.BatchNorm2d] = field(default_factory=list)
    roots: list[Root] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)

    @property
    def output(self) -> Node:
        return self.nodes[-1]

    @property
    def sizes(self) -> list[int]:
        """How many numbers of each parameter the passes over the images read; of what a weight is composed of, none."""
        unread = {index for one in self.compositions for index in (one.mix, one.filters)}
        return [0 if index in unread else parameter.numel() for index, parameter in enumerate(self.parameters)]
