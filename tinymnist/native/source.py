"""Writes the C program of one network: its phases, forward and backward.

A phase is what a block of images goes through independently of the other blocks; batch norm ends a phase, because it
needs sums over the whole batch. A tensor that only one phase touches lives in the thread's scratch memory; any other is
kept for every block.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import accumulate
from math import prod

from tinymnist.native.arrays import Arrays
from tinymnist.native.chains import (
    NAME,
    Layout,
    flat,
    forward_function,
    is_costly,
    pull_function,
    pull_kept_function,
    sums_function,
)
from tinymnist.native.graph import BatchNorm, Convolution, Graph, GroupNorm, Node, Root, Shape
from tinymnist.native.literals import real
from tinymnist.native.tiles import SUMS, conv_tile, weight_tile
from tinymnist.spec.plan import Pair

CHEAP_TAPS = 12
"""A convolution of the images with at most this many multiply-adds per output is recomputed, which is faster than
reading it again from memory."""

HEADERS = ("vectors.h", "layers.h", "runtime.h", "norms.h", "warp.h")


def c_source(graph: Graph, lanes: int) -> str:
    """The whole program for `graph`, with vectors of `lanes` floats."""
    *offsets, parameters = accumulate((parameter.numel() for parameter in graph.parameters), initial=0)
    functions: dict[str, str] = {}
    train = _Program(graph, lanes, functions, training=True, partials=parameters)
    train_text = train.text()
    score = _Program(graph, lanes, functions, training=False, first_vector=train.arrays.scratch_vectors)
    score_text = score.text()
    channels, height, width = graph.shape
    constants = {
        "LANES": lanes,
        "TILE": SUMS[lanes],
        "CHANNELS": channels,
        "HEIGHT": height,
        "WIDTH": width,
        "CLASSES": graph.classes,
        "TENSORS": len(graph.parameters),
        "PARTIALS": max(train.partials, 1),
        "SUMS": max(train.sums, 1),
        "PHASES": len(train.phases),
        "BLOCK_VECTORS": max(train.arrays.block_vectors, 1),
        "SCRATCH_VECTORS": max(score.arrays.scratch_vectors, 1),
    }
    defines = "".join(f"#define {name} {value}\n" for name, value in constants.items())
    headers = "".join(_header(name) for name in HEADERS)
    places = "".join(f"#define OFFSET{index} {offset}\n" for index, offset in enumerate(offsets))
    named = "".join(text.replace(NAME, name, 1) for text, name in functions.items())
    return "".join([defines, headers, places, named, train_text, score_text, _header("network.h")])


def _header(name: str) -> str:
    return (files("tinymnist.native") / "csrc" / name).read_text()


_WORKER = ["struct network *net = worker->network;", "vf *scratch = worker->scratch;", "(void)net, (void)scratch;"]
_BLOCK = [
    "const uint32_t block = (uint32_t)at;",
    "const vi mask = images_in(net, at);",
    "(void)block, (void)mask;",
]
_TRAINED_BLOCK = [
    "vf *kept = net->activations + at * BLOCK_VECTORS;",
    "float *gradients = net->partial + at * PARTIALS;",
    "double *block_sums = net->sums + at * SUMS;",
    "(void)kept, (void)gradients, (void)block_sums;",
]


def _c_function(signature: str, lines: Sequence[str]) -> str:
    return "\n".join([f"static void {signature} {{", *(f"    {line}" for line in lines), "}"]) + "\n"


@dataclass(slots=True)
class _Phase:
    lines: list[str] = field(default_factory=list)
    """C for one block."""
    closing: list[str] = field(default_factory=list)
    """C that each thread runs after all blocks."""


class _Program:
    """Writes the phases of one pass: training (forward and backward) or scoring (forward)."""

    def __init__(
        self,
        graph: Graph,
        lanes: int,
        functions: dict[str, str],
        *,
        training: bool,
        first_vector: int = 0,
        partials: int = 0,
    ) -> None:
        self.graph = graph
        self.lanes = lanes
        self.functions = functions
        self.training = training
        self.phases = [_Phase()]
        self.opening: list[str] = []
        self.arrays = Arrays(first_vector)  # training and scoring share no buffers, so that borders stay zero
        self.partials = partials  # floats that a block adds to gradients: each parameter's, then those of `_early_sums`
        self.sums = 0
        self.first_sum: dict[int, int] = {}
        self.packed: set[str] = set()
        self.recomputed: set[tuple[int, int]] = set()
        self.contributed: set[int] = set()
        self.last: list[str] = []
        self._write()

    def _write(self) -> None:
        for root in self.graph.roots:
            self._forward(root)
        output = self.graph.output
        logits = self._array("logits", prod(output.shape))
        self._produce(output, logits, flat(output.shape))
        if not self.training:
            self._line(f"cross_entropy(net, block, {logits}, NULL);")
            return
        self._line(f"cross_entropy(net, block, {logits}, {self._gradient(output)});")
        self.contributed.add(output.index)
        for root in reversed(self.graph.roots[1:]):
            self._backward(root)
        self.phases[-1].closing += [
            f"add_gradients(worker, OFFSET{index}, {parameter.numel()}, net->gradients[{index}]);"
            for index, parameter in enumerate(self.graph.parameters)
            if not self._is_of_batch_norm(index)
        ]
        self.phases[-1].closing += self.last

    def _is_of_batch_norm(self, index: int) -> bool:
        norms = [root.norm for root in self.graph.roots]
        return any(isinstance(norm, BatchNorm) and index in (norm.weight, norm.bias) for norm in norms)

    # Text

    def text(self) -> str:
        kind = "train" if self.training else "score"
        job = [*_WORKER, *self.opening, *self._running_norms()]
        functions = []
        for number, phase in enumerate(self.phases):
            if phase.lines:
                name = f"{kind}_phase{number}"
                head = [*_WORKER, *_BLOCK, *(_TRAINED_BLOCK if self.training else [])]
                if self.training and number == 0:
                    head.append("memset(gradients, 0, PARTIALS * sizeof *gradients);")
                functions.append(_c_function(f"{name}(struct worker *worker, const int64_t at)", [*head, *phase.lines]))
                # A phase begins with the blocks that the previous one ended with, which the caches still hold.
                turn = "net->blocks - 1 - b" if number % 2 else "b"
                job.append(f"for (int64_t b; (b = take(net, {number})) < net->blocks;) {name}(worker, {turn});")
                job += ["barrier(net);"] if self.training else []
            job += phase.closing
        return self.arrays.placed("".join(functions) + _c_function(f"{kind}(struct worker *worker)", job))

    def _running_norms(self) -> list[str]:
        if self.training:
            return []
        return [
            f"running_norm(net, {root.shape[0]}, {real(norm.eps)}, {self._pointer(norm.weight)}, "
            f"{self._pointer(norm.bias)}, {self._conv_bias(root)}, {norm.number}, {self._norm(root)});"
            for root in self.graph.roots
            if isinstance(norm := root.norm, BatchNorm)
        ]

    def _line(self, line: str) -> None:
        self.phases[-1].lines.append(line)

    def _end_phase(self, *closing: str) -> None:
        self.phases[-1].closing += closing
        self.phases.append(_Phase())

    def _function(self, kind: str, text: str) -> str:
        """The name of the function with this text; equal texts have the same name."""
        return self.functions.setdefault(text, f"{kind}{len(self.functions)}")

    # Memory

    def _array(self, name: str, vectors: int) -> str:
        """The C expression for a block's array, which the current phase touches."""
        return self.arrays.block(name, vectors, len(self.phases))

    def _staging(self, role: str, shape: Shape, layout: Layout, size: int) -> str:
        """The C expression for a buffer whose border stays zero; tensors of one role, shape and layout share it."""
        return self.arrays.thread(f"{role}{shape}{layout}", size)

    def _gradient(self, node: Node) -> str:
        return self._array(f"gradient{node.index}", prod(node.shape))

    def _norm(self, root: Root) -> str:
        assert root.norm is not None
        if isinstance(root.norm, GroupNorm):
            return self._array(f"norm{root.index}", 4 * root.shape[0])
        return self.arrays.thread(f"norm{root.index}", 4 * root.shape[0])

    def _norm_or_null(self, root: Root) -> str:
        return "NULL" if root.norm is None else self._norm(root)

    def _back(self, root: Root) -> str:
        return "NULL" if root.norm is None else self.arrays.thread(f"back{root.index}", 3 * root.shape[0])

    def _spare(self) -> str:
        """The C expression for room for three channels of any root, for windows that do not fit into registers."""
        return self.arrays.thread("spare", 3 * max(prod(root.shape[1:]) for root in self.graph.roots))

    @staticmethod
    def _pointer(parameter: int | None) -> str:
        return "NULL" if parameter is None else f"net->parameters[{parameter}]"

    def _conv_bias(self, root: Root) -> str:
        assert isinstance(root.source, Convolution)
        return self._pointer(root.source.bias)

    # Roots

    def _image_padding(self) -> tuple[int, int]:
        """The padding with which images are loaded: that of the first convolution, where it alone reads them."""
        if not self._taken_as_is(self.graph.roots[1]):
            return (0, 0)
        source = self.graph.roots[1].source
        assert isinstance(source, Convolution)
        return source.padding

    def _taken_as_is(self, root: Root) -> bool:
        """Whether the convolution that makes `root` reads its input root directly."""
        source = root.source
        if not isinstance(source, Convolution):
            return False
        node = source.node
        plain = node.window is None and not node.before and not node.after and node.root.norm is None
        if node.root.index == 0:
            return plain and node.uses == 1
        return plain and source.padding == (0, 0)

    def _root(self, root: Root) -> str:
        """The C expression for the root's block; a root that is not kept is recomputed, once per phase."""
        channels, height, width = root.shape
        if root.index == 0:
            pad = self._image_padding()
            return self._array("root0", channels * (height + 2 * pad[0]) * (width + 2 * pad[1]))
        if not self._is_cheap(root):
            return self._array(f"root{root.index}", prod(root.shape))
        place = self.arrays.thread(f"root{root.index}", prod(root.shape))
        if (root.index, len(self.phases)) not in self.recomputed:
            self.recomputed.add((root.index, len(self.phases)))
            self._convolve(root, place, "NULL")
        return place

    def _is_cheap(self, root: Root) -> bool:
        """Whether the root is a convolution of the images that is recomputed rather than kept."""
        source = root.source
        return (
            isinstance(source, Convolution)
            and self._taken_as_is(root)
            and source.node.root.index == 0
            and source.inputs * prod(source.kernel) <= CHEAP_TAPS
        )

    def _forward(self, root: Root) -> None:
        if root.source is None:
            pad = self._image_padding()
            self._line(f"load_images(net, at, {self._root(root)}, {pad[0]}, {pad[1]});")
        elif isinstance(root.source, Convolution):
            self._forward_convolution(root)
        else:
            target = self._array(f"root{root.index}", prod(root.shape))
            for number, node in enumerate(root.source.nodes):
                self._produce(node, target, flat(root.shape), accumulate=number > 0)

    def _forward_convolution(self, root: Root) -> None:
        norm = root.norm
        if not (isinstance(norm, BatchNorm) and self.training):
            if not (self._is_cheap(root) and norm is None):
                self._convolve(root, self._target(root), "NULL")
        else:
            count = 2 * root.shape[0]
            self.first_sum[root.index] = self.sums
            self.sums += 2 * count
            self._line(f"vf sums{root.index}[{count}] = {{0}};")
            self._convolve(root, self._target(root), f"sums{root.index}")
            first = self.first_sum[root.index]
            self._line(f"keep_sums(sums{root.index}, {count}, mask, block_sums + {first});")
            self._end_phase(
                f"batch_norm(worker, {first}, {root.shape[0]}, {prod(root.shape[1:])}, {real(norm.eps)}, "
                f"{real(norm.momentum)}, {self._pointer(norm.weight)}, {self._pointer(norm.bias)}, "
                f"{self._conv_bias(root)}, {norm.number}, {self._norm(root)});"
            )
        if isinstance(norm, GroupNorm):
            self._line(
                f"group_norm({self._root(root)}, {root.shape[0]}, {prod(root.shape[1:])}, {norm.groups}, "
                f"{real(norm.eps)}, {self._pointer(norm.weight)}, {self._pointer(norm.bias)}, {self._norm(root)});"
            )

    def _target(self, root: Root) -> str:
        if self._is_cheap(root):
            self.recomputed.add((root.index, len(self.phases)))
            return self.arrays.thread(f"root{root.index}", prod(root.shape))
        return self._array(f"root{root.index}", prod(root.shape))

    def _convolve(self, root: Root, target: str, sums: str) -> None:
        source = root.source
        assert isinstance(source, Convolution)
        x, plane, row = self._input(root)
        name = self._conv_function(
            plane, row, source.groups, source.inputs, source.outputs, source.kernel, source.stride, root.shape[1:]
        )
        weights = self._packed(source, turned=False)
        bias = self._pointer(source.bias) if not isinstance(root.norm, BatchNorm) else "NULL"
        self._line(f"{name}({x}, {weights}, {bias}, 0, {target}, {sums});")

    def _packed(self, source: Convolution, *, turned: bool) -> str:
        """The C expression for the thread's copy of the weights, in the order in which `conv` reads them."""
        name = f"weights{source.weight}{'turned' if turned else ''}"
        size = self.graph.parameters[source.weight].numel()
        place = self.arrays.thread(name, -(-size // self.lanes))
        if name not in self.packed:
            self.packed.add(name)
            sizes = (source.groups, source.inputs, source.outputs, *source.kernel, int(turned))
            self.opening.append(
                f"pack_weights(net->parameters[{source.weight}], {', '.join(map(str, sizes))}, (float *){place});"
            )
        return f"(const float *){place}"

    def _conv_function(
        self,
        plane: int,
        row: int,
        groups: int,
        inputs: int,
        outputs: int,
        kernel: Pair,
        stride: Pair,
        size: tuple[int, ...],
    ) -> str:
        """The name of the convolution with these constants."""
        high, wide = conv_tile(outputs, size[1], SUMS[self.lanes])
        before = _listed(high, wide, "x", plane, row, "w", groups, inputs, outputs, *kernel, *stride)
        return self._function(
            "conv",
            f"KERNEL {NAME}(const vf *x, const float *w, const float *bias, int add, vf *z, vf *sums) {{\n"
            f"    conv({before}, bias, add, z, {_listed(*size)}, sums);\n}}\n",
        )

    def _input(self, root: Root) -> tuple[str, int, int]:
        """The C expression for the padded input of the convolution that makes `root`, with its plane and row."""
        source = root.source
        assert isinstance(source, Convolution)
        node = source.node
        channels, height, width = node.shape
        pad_h, pad_w = source.padding
        if source.linear:  # one long vector
            plane, row = 1, 1
        else:
            plane, row = (height + 2 * pad_h) * (width + 2 * pad_w), width + 2 * pad_w
        if self._taken_as_is(root):
            return self._root(node.root), plane, row
        layout = Layout(
            pad_h * (width + 2 * pad_w) + pad_w, (height + 2 * pad_h) * (width + 2 * pad_w), width + 2 * pad_w, 1
        )
        place = self._staging("input", node.shape, layout, channels * (height + 2 * pad_h) * (width + 2 * pad_w))
        self._produce(node, place, layout)
        return place, plane, row

    def _produce(self, node: Node, target: str, layout: Layout, *, accumulate: bool = False) -> None:
        text = forward_function(node, layout, training=self.training, accumulate=accumulate)
        root = self._root(node.root)
        norm = self._norm_or_null(node.root)
        name = self._function("forward", text)
        self._line(f"{name}(net, block, {root}, {norm}, {self._spare()}, {target});")

    # Backward

    def _backward(self, root: Root) -> None:
        node = next(node for node in self.graph.nodes if node.root is root)
        early = self._is_early(root)
        self._norm_sums(root, node, early)
        if early:
            return
        if isinstance(root.source, Convolution):
            self._backward_convolution(root, root.source, node)
        else:
            assert root.source is not None
            for source in root.source.nodes:
                if source.root.index == 0:
                    continue
                self._pull(node, self._gradient(source), flat(source.shape), self._adds(source))

    def _adds(self, node: Node) -> bool:
        """Whether the node has a gradient already, to which the next is added."""
        already = node.index in self.contributed
        self.contributed.add(node.index)
        return already

    def _is_early(self, root: Root) -> bool:
        """Whether the weight gradient of a cheap convolution is prepared in the phase of its batch norm's sums.

        The gradient at `root` is A g + B z + D. A, B and D depend on those sums, but the products of g, z and 1 with
        the images do not; they are summed early, and combined with A, B and D at the end. So the next phase need not
        go over root, chain and images once more."""
        return self._is_cheap(root) and isinstance(root.norm, BatchNorm)

    def _norm_sums(self, root: Root, node: Node, early: bool) -> None:
        norm, channels = root.norm, root.shape[0]
        if norm is None:
            return
        keep = early or is_costly(node)
        name = self._function("sums", sums_function(node, keep=keep))
        arguments = _listed(self._root(root), self._norm(root), self._gradient(node), self._spare())
        values = prod(root.shape[1:])
        pulled = self._pulled(root) if keep else "NULL"
        self._line(f"vf totals{root.index}[{2 * channels}];")
        self._line(f"{name}(net, block, {arguments}, totals{root.index}, gradients, {pulled});")
        if isinstance(norm, GroupNorm):
            targets = ", ".join(
                "NULL" if index is None else f"gradients + OFFSET{index}" for index in (norm.weight, norm.bias)
            )
            self._line(
                f"group_norm_back(totals{root.index}, {channels}, {values}, {norm.groups}, "
                f"{self._pointer(norm.weight)}, {targets}, mask, {self._norm(root)}, {self._back(root)});"
            )
            return
        if early:
            self._early_sums(root)
        first = self.first_sum[root.index] + 2 * channels
        self._line(f"keep_sums(totals{root.index}, {2 * channels}, mask, block_sums + {first});")
        targets = ", ".join(
            "NULL" if index is None else f"net->gradients[{index}]" for index in (norm.weight, norm.bias)
        )
        self._end_phase(
            f"batch_norm_back(worker, {first}, {channels}, {values}, {self._pointer(norm.weight)}, {targets}, "
            f"{self._norm(root)}, {self._back(root)});"
        )

    def _early_sums(self, root: Root) -> None:
        source = root.source
        assert isinstance(source, Convolution)
        x, plane, row = self._input(root)
        size, taps = self.graph.parameters[source.weight].numel(), source.inputs * prod(source.kernel)
        first = self.partials
        self.partials += 2 * size + source.groups * taps
        name = self._weights_function(source, root, plane, row, flat(root.shape))
        for place, d in ((first, self._pulled(root)), (first + size, self._root(root))):
            self._line(f"{name}({x}, {d}, gradients + {place}, mask);")
        sizes = _listed(source.groups * source.inputs, *source.kernel, *source.stride, *root.shape[1:])
        self._line(f"tap_sums({x}, {plane}, {row}, gradients + {first + 2 * size}, {sizes}, mask);")
        shape = _listed(first, source.groups, source.outputs, taps)
        self.last.append(f"add_early_gradients(worker, {shape}, {self._back(root)}, net->gradients[{source.weight}]);")

    def _weights_function(self, source: Convolution, root: Root, plane: int, row: int, layout: Layout) -> str:
        tile = weight_tile(source.inputs, source.outputs, source.kernel, self.lanes)
        before = _listed(tile.high, tile.deep, tile.tall, tile.wide, "x", plane, row, "d", *layout.distances)
        sizes = _listed(source.groups, source.inputs, source.outputs, *source.kernel, *source.stride, *root.shape[1:])
        return self._function(
            "weights",
            f"KERNEL {NAME}(const vf *x, const vf *d, float *gradient, const vi mask) {{\n"
            f"    weight_gradient({before}, gradient, {sizes}, mask);\n}}\n",
        )

    def _pulled(self, root: Root) -> str:
        """The C expression for the kept gradient at the output of the root's norm."""
        return self._array(f"pulled{root.index}", prod(root.shape))

    def _pull(self, node: Node, target: str, layout: Layout, accumulate: bool) -> None:
        if is_costly(node):
            assert not accumulate  # only convolutions have norms, and their gradient has one target
            name = self._function("pull", pull_kept_function(node, layout))
            self._line(
                f"{name}({self._root(node.root)}, {self._pulled(node.root)}, {self._back(node.root)}, {target});"
            )
            return
        name = self._function("pull", pull_function(node, layout, accumulate=accumulate))
        root = node.root
        vectors = (self._root(root), self._norm_or_null(root), self._back(root), self._gradient(node), self._spare())
        self._line(f"{name}(net, block, {_listed(*vectors)}, gradients, {target});")

    def _backward_convolution(self, root: Root, source: Convolution, node: Node) -> None:
        x, plane, row = self._input(root)
        wanted = source.node.root.index > 0
        outputs, (height, width) = root.shape[0], root.shape[1:]
        stride = source.stride
        if wanted:  # the gradient of the input is a convolution of d, spread by the stride and padded
            spread_h, spread_w = (
                source.node.shape[1] + source.kernel[0] - 1,
                source.node.shape[2] + source.kernel[1] - 1,
            )
            first = (source.kernel[0] - 1 - source.padding[0], source.kernel[1] - 1 - source.padding[1])
        else:
            spread_h, spread_w, first, stride = height, width, (0, 0), (1, 1)
        if source.linear:
            spread_h, spread_w, first = 1, 1, (0, 0)
        beyond = (max(0, -first[0]), max(0, -first[1]))  # with padding wider than the kernel, outputs that see no input
        spread_h, spread_w = spread_h + 2 * beyond[0], spread_w + 2 * beyond[1]
        offset = (first[0] + beyond[0]) * spread_w + first[1] + beyond[1]
        layout = Layout(offset, spread_h * spread_w, stride[0] * spread_w, stride[1])
        d = self._staging("d", root.shape, layout, outputs * spread_h * spread_w)
        self._pull(node, d, layout, accumulate=False)
        at = f"{d} + {layout.offset}"
        name = self._weights_function(source, root, plane, row, layout)
        self._line(f"{name}({x}, {at}, gradients + OFFSET{source.weight}, mask);")
        if source.bias is not None and not isinstance(root.norm, BatchNorm):
            self._line(
                f"bias_gradient({at}, {_listed(*layout.distances)}, gradients + OFFSET{source.bias}, "
                f"{_listed(outputs, height, width)}, mask);"
            )
        if wanted:
            start = f"{d} + {beyond[0] * spread_w + beyond[1]}"
            self._input_gradient(source, start, spread_h * spread_w, spread_w)

    def _input_gradient(self, source: Convolution, d: str, plane: int, row: int) -> None:
        size = (1, 1) if source.linear else source.node.shape[1:]
        name = self._conv_function(
            plane, row, source.groups, source.outputs, source.inputs, source.kernel, (1, 1), size
        )
        weights, add = self._packed(source, turned=True), int(self._adds(source.node))
        self._line(f"{name}({d}, {weights}, NULL, {add}, {self._gradient(source.node)}, NULL);")


def _listed(*arguments: object) -> str:
    return ", ".join(map(str, arguments))
