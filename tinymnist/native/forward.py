"""The pass forward: from the images through all roots to the logits."""

from math import prod

from tinymnist.native.chains import NAME, forward_function
from tinymnist.native.graph import BatchNorm, Convolution, GroupNorm, Node, Root
from tinymnist.native.layout import Layout, flat
from tinymnist.native.literals import real
from tinymnist.native.phases import Phases, listed
from tinymnist.native.tiles import SUMS, conv_tile
from tinymnist.spec.plan import Pair

CHEAP_TAPS = 12
"""A convolution of the images with at most this many multiply-adds per output is recomputed, which is faster than
reading it again from memory."""


class Forward(Phases):
    """Writes the pass that scores images."""

    def write(self) -> None:
        logits = self._all_roots()
        self._line(f"cross_entropy(net, block, {logits}, NULL);")

    def _all_roots(self) -> str:
        """Writes the way to the logits; returns the C expression for them."""
        for root in self.graph.roots:
            self._forward(root)
        output = self.graph.output
        logits = self._array("logits", prod(output.shape))
        self._produce(output, logits, flat(output.shape))
        return logits

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
        self._line(f"{name}({x}, {weights}, {bias}, 0, {target}, {sums}, &worker->ahead);")

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
        before = listed(high, wide, "x", plane, row, "w", groups, inputs, outputs, *kernel, *stride)
        return self._function(
            "conv",
            f"KERNEL {NAME}(const vf *x, const float *w, const float *bias, int add, vf *z, vf *sums, "
            f"struct ahead *ahead) {{\n    conv({before}, bias, add, z, {listed(*size)}, sums, ahead);\n}}\n",
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
        keep = self._keeps(node)
        text = forward_function(node, layout, training=self.training, accumulate=accumulate, keep=keep)
        root = self._root(node.root)
        norm = self._norm_or_null(node.root)
        name = self._function("forward", text)
        parts = self._parts() if keep else "NULL"
        self._line(f"{name}(net, block, {root}, {norm}, {self._spare()}, {parts}, {target});")

    def _keeps(self, node: Node) -> bool:
        """Whether what the chain's costly layer computes is kept."""
        return False
