"""Turns a plan, and the model that was built from it, into the graph that the native engine runs."""

from dataclasses import dataclass, replace
from math import prod

import torch
from torch import Tensor, nn

from tinymnist.model.basis import BasisConv2d, Conv2d
from tinymnist.model.layers import SharedConv2d
from tinymnist.native.errors import NotCoveredError
from tinymnist.native.graph import (
    Activation,
    Addition,
    BatchNorm,
    Composition,
    Convolution,
    Dropout,
    Elementwise,
    Graph,
    GroupNorm,
    Node,
    Norm,
    Root,
    Shape,
    Window,
)
from tinymnist.native.literals import finite
from tinymnist.spec import Layer, Plan

FUNCTIONS = {
    "relu": "relu",
    "relu6": "relu6",
    "leaky_relu": "leaky_relu",
    "elu": "elu",
    "gelu": "gelu",
    "silu": "silu",
    "mish": "mish",
    "hardswish": "hardswish",
    "tanh": "hyperbolic_tangent",
    "sigmoid": "sigmoid",
}
"""The C function in `csrc/vectors.h` for each activation; `prelu` is `leaky_relu` with a learned slope."""

MAX_LAYERS, MAX_CHANNELS, MAX_PARAMETERS, MAX_VALUES = 250, 2_000, 1_000_000, 4_000_000
"""The most convolutions and linear layers, channels, parameters, and values per image. Larger networks take long to
compile, and PyTorch is fast with them."""


def graph_of(plan: Plan, model: nn.Sequential) -> Graph:
    """The graph of the network that `build_model` made and `plan` describes.

    Raises `NotCoveredError` for a layer that the engine does not run, and for a network that is too large."""
    tracer = _Tracer(plan, model)
    for layer in plan.layers:
        tracer.add(layer)
    tracer.node(len(plan.layers))  # the logits
    _refuse_large(tracer.graph)
    return tracer.graph


@dataclass(frozen=True, slots=True)
class _Chain:
    """The layers that have followed a root so far."""

    root: Root
    shape: Shape
    before: tuple[Elementwise, ...] = ()
    window: Window | None = None
    after: tuple[Elementwise, ...] = ()

    def extended(self, layer: Elementwise) -> "_Chain":
        if self.window is None:
            return replace(self, before=(*self.before, layer))
        return replace(self, after=(*self.after, layer))


class _Tracer:
    """Turns the layers of a plan into roots and chains. `chains[n]` ends with value n of the plan."""

    def __init__(self, plan: Plan, model: nn.Sequential) -> None:
        self.model = model
        shape, classes = _shape(plan.layers[0].input), plan.layers[-1].output[0]
        self.graph = Graph(shape, classes, list(model.parameters()))
        self.indices = {id(parameter): index for index, parameter in enumerate(self.graph.parameters)}
        self.composed: dict[int, int] = {}
        """The index of the weight of each `BasisConv2d`, by its id."""
        self.dropouts = 0
        self.chains = [self._root(None, shape)]
        self.nodes: dict[int, Node] = {}

    def add(self, layer: Layer) -> None:
        value, module = layer.sources[0], self.model.get_submodule(layer.name)
        self.chains.append(self._chain(layer, value, module))

    def _chain(self, layer: Layer, value: int, module: nn.Module) -> _Chain:
        chain = self.chains[value]
        assert value not in self.nodes or layer.kind in ("conv", "linear", "add")  # a root has one chain
        if layer.kind == "conv":
            return self._convolution(layer, module)
        if layer.kind == "linear":
            assert isinstance(module, nn.Linear)
            return self._linear(layer, module)
        if layer.kind == "add":
            return self._root(Addition(tuple(map(self.node, layer.sources))), _shape(layer.output))
        if layer.kind == "pool":
            return self._pool(layer)
        if layer.kind == "norm":
            if chain != _Chain(chain.root, chain.shape):
                chain = self._copied(value)
            chain.root.norm = self._norm(module)
            return chain
        if layer.kind == "dropout":
            assert isinstance(module, nn.Dropout | nn.Dropout2d)
            self.dropouts += 1
            return chain.extended(Dropout(self.dropouts, module.p, isinstance(module, nn.Dropout2d)))
        if layer.kind == "flatten" or layer.label == "log_softmax":  # memory is flat, and the loss takes logits
            return chain
        assert layer.kind == "activation"
        return chain.extended(self._activation(layer, module))

    def _root(self, source: Convolution | Addition | None, shape: Shape) -> _Chain:
        root = Root(len(self.graph.roots), shape, source)
        self.graph.roots.append(root)
        return _Chain(root, shape)

    def node(self, value: int) -> Node:
        """The node that ends the chain of a value; makes it at its first use, and counts the uses."""
        if value not in self.nodes:
            chain = self.chains[value]
            node = Node(len(self.graph.nodes), chain.root, chain.before, chain.window, chain.after, chain.shape)
            self.graph.nodes.append(node)
            self.nodes[value] = node
        self.nodes[value].uses += 1
        return self.nodes[value]

    def _convolution(self, layer: Layer, module: nn.Module) -> _Chain:
        conv = module.source if isinstance(module, SharedConv2d) else module
        assert isinstance(conv, Conv2d)
        assert layer.window is not None
        if layer.window.dilation != (1, 1):
            raise NotCoveredError("a dilated convolution is not covered")
        source = Convolution(
            self.node(layer.sources[0]),
            self._weight(conv),
            self._parameter(conv.bias),
            conv.groups,
            conv.in_channels // conv.groups,
            conv.out_channels // conv.groups,
            layer.window.kernel,
            layer.window.stride,
            layer.window.padding,
            linear=False,
        )
        return self._root(source, _shape(layer.output))

    def _weight(self, conv: Conv2d) -> int:
        if not isinstance(conv, BasisConv2d):
            return self.indices[id(conv.weight)]
        if id(conv) not in self.composed:
            mix, filters = self.indices[id(conv.mix)], self._index(conv.filters)
            weight = self._index(torch.zeros_like(conv.weight, requires_grad=False))
            self.graph.compositions.append(Composition(weight, mix, filters))
            self.composed[id(conv)] = weight
        return self.composed[id(conv)]

    def _index(self, tensor: Tensor) -> int:
        """The index of a tensor, which is added to the parameters if it is not among them."""
        if id(tensor) not in self.indices:
            self.indices[id(tensor)] = len(self.graph.parameters)
            self.graph.parameters.append(tensor)
        return self.indices[id(tensor)]

    def _linear(self, layer: Layer, module: nn.Linear) -> _Chain:
        node, weight, bias = self.node(layer.sources[0]), self.indices[id(module.weight)], self._parameter(module.bias)
        sizes = (1, module.in_features, module.out_features, (1, 1), (1, 1), (0, 0))
        return self._root(Convolution(node, weight, bias, *sizes, linear=True), _shape(layer.output))

    def _copied(self, value: int) -> _Chain:
        """A root with the values of a chain, for a norm that does not follow a convolution: they are convolved with
        ones, which are a constant among the parameters."""
        node, (channels, _, _) = self.node(value), self.chains[value].shape
        ones = self._index(torch.ones(channels, 1, 1, 1))
        sizes = (channels, 1, 1, (1, 1), (1, 1), (0, 0))
        return self._root(Convolution(node, ones, None, *sizes, linear=False), node.shape)

    def _norm(self, module: nn.Module) -> Norm:
        weight, bias = (self._parameter(getattr(module, name)) for name in ("weight", "bias"))
        if isinstance(module, nn.GroupNorm):
            return GroupNorm(module.num_groups, finite(module.eps), weight, bias)
        assert isinstance(module, nn.BatchNorm2d)
        self.graph.norms.append(module)
        return BatchNorm(finite(module.eps), finite(module.momentum), weight, bias, len(self.graph.norms) - 1)

    def _parameter(self, parameter: Tensor | None) -> int | None:
        return None if parameter is None else self.indices[id(parameter)]

    def _pool(self, layer: Layer) -> _Chain:
        assert layer.window is not None
        chain, kernel, stride = self.chains[layer.sources[0]], layer.window.kernel, layer.window.stride
        if chain.window is not None:  # a chain has one pooling at most: the next one needs a copy as its root
            chain = self._root(Addition((self.node(layer.sources[0]),)), chain.shape)
        if layer.label.startswith("global_"):  # a single window, which overlaps no other
            stride = kernel
        return replace(
            chain, window=Window(layer.averages, kernel, stride, layer.window.padding), shape=_shape(layer.output)
        )

    def _activation(self, layer: Layer, module: nn.Module) -> Activation:
        if isinstance(module, nn.PReLU):
            return Activation("leaky_relu", parameter=self.indices[id(module.weight)])
        if layer.label not in FUNCTIONS:
            raise NotCoveredError(f"{layer.label} is not covered")
        slope = finite(module.negative_slope) if isinstance(module, nn.LeakyReLU) else None
        return Activation(FUNCTIONS[layer.label], slope)


def _refuse_large(graph: Graph) -> None:
    for found, limit, what in (
        (len(graph.roots) - 1, MAX_LAYERS, "layers"),
        (max(root.shape[0] for root in graph.roots), MAX_CHANNELS, "channels"),
        (sum(parameter.numel() for parameter in graph.parameters), MAX_PARAMETERS, "parameters"),
        (sum(prod(root.shape) for root in graph.roots), MAX_VALUES, "values kept per image"),
        (max(map(_padded_values, graph.roots)), MAX_VALUES, "values in a padded image"),
    ):
        if found > limit:
            raise NotCoveredError(f"{found:,} {what}, more than the {limit:,} that it is made for")
    if len(graph.roots) == 1:
        raise NotCoveredError("nothing to train")


def _padded_values(root: Root) -> int:
    """Values that the convolution which makes `root` reads, the padding included."""
    if not isinstance(root.source, Convolution):
        return 0
    (channels, height, width), (above, beside) = root.source.node.shape, root.source.padding
    return channels * (height + 2 * above) * (width + 2 * beside)


def _shape(shape: tuple[int, ...]) -> Shape:
    """(channels, height, width), also for the vectors of the head."""
    channels, height, width = (*shape, 1, 1)[:3]
    return channels, height, width
