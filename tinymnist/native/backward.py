"""The pass of training: forward, and back from the loss to the gradients of all parameters."""

from math import prod

from tinymnist.native.chain_gradients import is_costly, pull_function, pull_kept_function, sums_function
from tinymnist.native.chains import NAME, costly_layer
from tinymnist.native.forward import Forward
from tinymnist.native.graph import BatchNorm, Convolution, GroupNorm, Node, Root
from tinymnist.native.layout import Layout, flat
from tinymnist.native.phases import listed
from tinymnist.native.tiles import weight_tile


class ForwardAndBackward(Forward):
    """Writes the pass that trains on a batch."""

    training = True

    def write(self) -> None:
        logits, output = self._all_roots(), self.graph.output
        self._line(f"cross_entropy(net, block, {logits}, {self._gradient(output)});")
        self.contributed.add(output.index)
        self.returning = True
        for root in reversed(self.graph.roots[1:]):
            self._backward(root)
        self.phases[-1].closing += [
            f"add_gradients(worker, OFFSET{index}, {size}, net->gradients[{index}]);"
            for index, size in enumerate(self.graph.sizes)
            if size and not self._is_of_batch_norm(index)
        ]
        self.phases[-1].closing += self.last

    def _is_of_batch_norm(self, index: int) -> bool:
        norms = [root.norm for root in self.graph.roots]
        return any(isinstance(norm, BatchNorm) and index in (norm.weight, norm.bias) for norm in norms)

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

    def _keeps(self, node: Node) -> bool:
        """Going back, a chain is computed once more for the layer that reads it, and then gone back over in the same
        phase."""
        if self.returning and costly_layer(node) is not None:
            self.kept = (node.root.index, len(self.phases))
            return True
        return False

    def _has_parts(self, node: Node) -> bool:
        return self.kept == (node.root.index, len(self.phases))

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
        parts = self._parts() if self._has_parts(node) else "NULL"
        name = self._function("sums", sums_function(node, keep=keep, parts=self._has_parts(node)))
        arguments = listed(self._root(root), self._norm(root), self._gradient(node), self._spare(), parts)
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
        sizes = listed(source.groups * source.inputs, *source.kernel, *source.stride, *root.shape[1:])
        self._line(f"tap_sums({x}, {plane}, {row}, gradients + {first + 2 * size}, {sizes}, mask);")
        shape = listed(first, source.groups, source.outputs, taps)
        self.last.append(f"add_early_gradients(worker, {shape}, {self._back(root)}, net->gradients[{source.weight}]);")

    def _weights_function(self, source: Convolution, root: Root, plane: int, row: int, layout: Layout) -> str:
        tile = weight_tile(source.inputs, source.outputs, source.kernel, self.lanes)
        before = listed(tile.high, tile.deep, tile.tall, tile.wide, "x", plane, row, "d", *layout.distances)
        sizes = listed(source.groups, source.inputs, source.outputs, *source.kernel, *source.stride, *root.shape[1:])
        return self._function(
            "weights",
            f"KERNEL {NAME}(const vf *x, const vf *d, fours *gradient, const vi mask) {{\n"
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
        parts = self._parts() if self._has_parts(node) else "NULL"
        text = pull_function(node, layout, accumulate=accumulate, parts=self._has_parts(node))
        name = self._function("pull", text)
        root = node.root
        vectors = (self._root(root), self._norm_or_null(root), self._back(root), self._gradient(node))
        self._line(f"{name}(net, block, {listed(*vectors, self._spare(), parts)}, gradients, {target});")

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
                f"bias_gradient({at}, {listed(*layout.distances)}, gradients + OFFSET{source.bias}, "
                f"{listed(outputs, height, width)}, mask);"
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
        self._line(f"{name}({d}, {weights}, NULL, {add}, {self._gradient(source.node)}, NULL, &worker->ahead);")
