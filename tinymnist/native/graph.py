"""A built network as the native engine runs it: roots, and the chains of cheap layers after them.

A root is a tensor that is kept (or made again): the images, what a convolution or a linear layer gives, a sum of two
paths. What follows a root up to the next one (norm, activation, one pooling, dropout) is a chain: it is never stored,
but computed again from the root wherever it is needed, in one pass over memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod

from torch import Tensor, nn

from tinymnist.model.layers import Residual, SharedConv2d

Shape = tuple[int, int, int]
Pair = tuple[int, int]


class NotCoveredError(Exception):
    """The network holds something that the native engine does not run."""


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
class Norm:
    """Batch norm (`groups` is 0) or group norm. Parameters and running statistics by index, None where there are none.

    `number` counts the batch norms.
    """

    groups: int
    eps: float
    momentum: float
    weight: int | None
    bias: int | None
    number: int


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution, or a linear layer as one of 1x1, of the tensor that `node` gives."""

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


MAX_LAYERS, MAX_CHANNELS, MAX_PARAMETERS, MAX_VALUES = 250, 2_000, 1_000_000, 4_000_000
"""Beyond so many convolutions and linear layers, channels, parameters, or values kept of an image, compiling takes long
and PyTorch is fast."""


def graph_of(model: nn.Sequential, shape: Shape, classes: int) -> Graph:
    """The graph of a network that `build_model` made, for images of `shape`. Raises `NotCoveredError`."""
    return _Tracer(shape, classes, list(model.parameters())).trace(model)


_ACTIVATIONS = {
    nn.ReLU: Activation("relu"),
    nn.ReLU6: Activation("relu6"),
    nn.LeakyReLU: Activation("leaky_relu", 0.01),
    nn.ELU: Activation("elu"),
    nn.GELU: Activation("gelu"),
    nn.SiLU: Activation("silu"),
    nn.Mish: Activation("mish"),
    nn.Hardswish: Activation("hardswish"),
    nn.Tanh: Activation("hyperbolic_tangent"),
    nn.Sigmoid: Activation("sigmoid"),
}


class _Tracer:
    """Follows the layers in the order they run, and the chain that is open behind the last root."""

    def __init__(self, shape: Shape, classes: int, parameters: list[Tensor]) -> None:
        self.graph = Graph(shape, classes, parameters)
        self.indices = {id(parameter): index for index, parameter in enumerate(parameters)}
        self.dropouts = 0
        self._open(None, shape)

    def trace(self, model: nn.Sequential) -> Graph:
        self.follow(model)
        self._close().uses += 1
        self._refuse_large()
        return self.graph

    def _refuse_large(self) -> None:
        roots = self.graph.roots
        for found, limit, what in (
            (len(roots) - 1, MAX_LAYERS, "layers"),
            (max(root.shape[0] for root in roots), MAX_CHANNELS, "channels"),
            (sum(parameter.numel() for parameter in self.graph.parameters), MAX_PARAMETERS, "parameters"),
            (sum(prod(root.shape) for root in roots), MAX_VALUES, "values kept of an image"),
            (max(map(_padded_values, roots)), MAX_VALUES, "values of a padded image"),
        ):
            if found > limit:
                raise NotCoveredError(f"{found:,} {what}, and it is made for {limit:,} at most")
        if len(roots) == 1:
            raise NotCoveredError("nothing to train")

    def follow(self, module: nn.Module) -> None:
        if isinstance(module, nn.Sequential):
            for child in module:
                self.follow(child)
        elif isinstance(module, Residual):
            self._residual(module)
        elif isinstance(module, nn.Conv2d):
            self._convolution(module, module.stride, module.padding)
        elif isinstance(module, SharedConv2d):
            self._convolution(module.source, module.stride, module.padding)
        elif isinstance(module, nn.Linear):
            self._linear(module)
        elif isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
            self._norm(module)
        elif isinstance(module, nn.MaxPool2d | nn.AvgPool2d | nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d):
            self._pool(module)
        elif isinstance(module, nn.Dropout | nn.Dropout2d):
            self.dropouts += 1
            self._append(Dropout(self.dropouts, module.p, isinstance(module, nn.Dropout2d)))
        elif isinstance(module, nn.PReLU):
            self._append(Activation("leaky_relu", parameter=self.indices[id(module.weight)]))
        elif type(module) in _ACTIVATIONS:
            self._append(_ACTIVATIONS[type(module)])
        elif not isinstance(module, nn.Flatten | nn.LogSoftmax):  # memory is flat, and the loss takes logits as well
            raise NotCoveredError(f"{type(module).__name__} is not covered")

    def _open(self, source: Convolution | Addition | None, shape: Shape) -> None:
        self.root = Root(len(self.graph.roots), shape, source)
        self.graph.roots.append(self.root)
        self.before: list[Elementwise] = []
        self.after: list[Elementwise] = []
        self.window: Window | None = None
        self.shape = shape
        self.node: Node | None = None

    def _close(self) -> Node:
        if self.node is None:
            self.node = Node(
                len(self.graph.nodes), self.root, tuple(self.before), self.window, tuple(self.after), self.shape
            )
            self.graph.nodes.append(self.node)
        return self.node

    def _reopen(self) -> None:
        """Lets a chain that has ended go on: behind a copy of it."""
        node = self._close()
        node.uses += 1
        self._open(Addition((node,)), self.shape)

    def _append(self, layer: Elementwise) -> None:
        if self.node is not None:
            self._reopen()
        (self.before if self.window is None else self.after).append(layer)

    def _pool(self, pool: nn.MaxPool2d | nn.AvgPool2d | nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d) -> None:
        if self.node is not None or self.window is not None:
            self._reopen()
        channels, height, width = self.shape
        if isinstance(pool, nn.MaxPool2d | nn.AvgPool2d):
            kernel, stride, padding = _pair(pool.kernel_size), _pair(pool.stride), _pair(pool.padding)
            self.window = Window(isinstance(pool, nn.AvgPool2d), kernel, stride, padding)
            sizes = _windows(self.shape[1:], self.window, pool.ceil_mode)
            self.shape = (channels, *sizes)
        else:
            self.window = Window(isinstance(pool, nn.AdaptiveAvgPool2d), (height, width), (height, width), (0, 0))
            self.shape = (channels, 1, 1)

    def _norm(self, norm: nn.BatchNorm2d | nn.GroupNorm) -> None:
        if self.node is not None or self.before or self.window or not isinstance(self.root.source, Convolution):
            raise NotCoveredError("a norm that does not follow a convolution is not covered")
        weight, bias = self._parameter(norm.weight), self._parameter(norm.bias)
        if isinstance(norm, nn.GroupNorm):
            self.root.norm = Norm(norm.num_groups, norm.eps, 0.0, weight, bias, -1)
        else:
            assert norm.momentum is not None
            self.root.norm = Norm(0, norm.eps, norm.momentum, weight, bias, len(self.graph.norms))
            self.graph.norms.append(norm)

    def _parameter(self, parameter: Tensor | None) -> int | None:
        return None if parameter is None else self.indices[id(parameter)]

    def _convolution(self, conv: nn.Conv2d, stride: tuple[int, ...], padding: str | tuple[int, ...]) -> None:
        node = self._close()
        node.uses += 1
        groups, kernel = conv.groups, _pair(conv.kernel_size)
        source = Convolution(
            node,
            self.indices[id(conv.weight)],
            self._parameter(conv.bias),
            groups,
            conv.in_channels // groups,
            conv.out_channels // groups,
            kernel,
            _pair(stride),
            _pair(padding),
        )
        sizes = _windows(self.shape[1:], Window(False, kernel, source.stride, source.padding), ceil=False)
        self._open(source, (conv.out_channels, *sizes))

    def _linear(self, linear: nn.Linear) -> None:
        node = self._close()
        node.uses += 1
        weight, bias = self.indices[id(linear.weight)], self._parameter(linear.bias)
        one = (1, 1)
        source = Convolution(node, weight, bias, 1, linear.in_features, linear.out_features, one, one, (0, 0))
        self._open(source, (linear.out_features, 1, 1))

    def _residual(self, residual: Residual) -> None:
        entry, shape = self._close(), self.shape
        self.follow(residual.body)
        body = self._close()
        if isinstance(residual.shortcut, nn.Identity):
            shortcut = entry
        else:
            self.node, self.shape = entry, shape
            self.follow(residual.shortcut)
            shortcut = self._close()
        body.uses += 1
        shortcut.uses += 1
        self._open(Addition((body, shortcut)), body.shape)


def _padded_values(root: Root) -> int:
    """Values of what the convolution that makes `root` walks over, the border around it included."""
    if not isinstance(root.source, Convolution):
        return 0
    (channels, height, width), (above, beside) = root.source.node.shape, root.source.padding
    return channels * (height + 2 * above) * (width + 2 * beside)


def _pair(value: object) -> Pair:
    if isinstance(value, tuple):
        first, second = value
        return int(first), int(second)
    assert isinstance(value, int)
    return value, value


def _windows(size: tuple[int, int], window: Window, ceil: bool) -> Pair:
    """How many windows fit each way."""

    def sizes() -> Iterator[int]:
        for length, kernel, stride, padding in zip(size, window.kernel, window.stride, window.padding, strict=True):
            room = length + 2 * padding - kernel
            steps = -(-room // stride) if ceil else room // stride
            # as torch: the last window must start inside the image or the padding before it
            yield steps if ceil and steps * stride >= length + padding else steps + 1

    first, second = sizes()
    return first, second
