"""C for the chains of cheap layers, forward from a root in one pass over memory.

Every function takes the root's block `z` and, where the root has a norm, its vectors `norm`, and writes the chain's end
to `out`.
"""

from collections.abc import Sequence

from tinymnist.native.graph import Activation, Dropout, Elementwise, Node, Window
from tinymnist.native.layout import Layout, flat
from tinymnist.native.literals import finite, real

NAME = "NAME"
"""Placeholder for the name of a function. `source` fills it in, and gives functions of equal text the same name."""

AHEAD = 64
"""How many vectors ahead a root is prefetched: it comes from beyond the L2 cache, and windows read more rows at a time
than the machine prefetches by itself."""

SMALL_WINDOW = 9
"""The most values of a window that are kept in registers."""

CHEAP = ("relu", "relu6", "leaky_relu", "hardswish")
"""Activations that take a few instructions; the others need an exponential."""

ARGUMENTS = "const struct network *net, const uint32_t block, const vf *restrict z, const vf *norm"


def costly_layer(node: Node) -> int | None:
    """Where among the layers before pooling the first activation is that needs an exponential; None where there is
    none, or where windows leave values out, for which nothing is computed."""
    costly = (number for number, layer in enumerate(node.before) if _is_costly(layer))
    return next(costly, None) if _reads_all(node) else None


def _reads_all(node: Node) -> bool:
    window = node.window
    return window is None or all(
        stride <= kernel and (outputs - 1) * stride - padding + kernel >= size
        for outputs, size, kernel, stride, padding in zip(
            node.shape[1:], node.root.shape[1:], window.kernel, window.stride, window.padding, strict=True
        )
    )


def _is_costly(layer: Elementwise) -> bool:
    return isinstance(layer, Activation) and layer.name not in CHEAP


def forward_function(node: Node, layout: Layout, *, training: bool, accumulate: bool, keep: bool = False) -> str:
    """`NAME(…, spare, parts, out)`: computes the chain from the root's block, and writes its end to `out` in `layout`,
    or with `accumulate` adds it. With `keep`, the way back finds in `parts` what the costly layer has computed."""
    chain = ChainCode(node, training)
    opening = ["(void)net, (void)block, (void)norm, (void)spare, (void)parts;", *chain.constants()]
    channels, rows, columns = node.shape
    opening += [f"for (int c = 0; c < {channels}; c++) {{", *chain.channel_constants()]
    each_row, each_column = f"for (int y = 0; y < {rows}; y++) {{", f"for (int x = 0; x < {columns}; x++) {{"
    window = node.window
    if window is None:
        body = [each_row, each_column, *chain.root("y", "x"), *chain.before("v", keep=keep)]
    else:
        of_rows, of_columns = window_bounds(node)
        read = [*chain.root("i", "j"), *chain.before("v", keep=keep)]
        first: list[str] = []
        if _overlaps(window) and (node.before or node.root.norm):
            # Several windows read each value, which is computed once, just before the first of them.
            width = node.root.shape[2]
            opening.append("int done = 0;")
            first = [f"for (; done < bottom_; done++) for (int i = done, j = 0; j < {width}; j++) {{", *read]
            first += [f"spare[i * {width} + j] = v;", "}"]
            read = [f"const vf v = spare[i * {width} + j];"]
        initial = "(vf){0}" if window.average else "splat(-INFINITY)"
        reduced = "m += v;" if window.average else "m = maximum(v, m);"
        body = [each_row, of_rows, *first, each_column, of_columns, f"vf m = {initial};"]
        body += in_window(node, [*read, reduced])
        if window.average:
            body.append(f"m *= 1.0f / (float)({divisor(node)});")
        body.append("vf v = m;")
    body += [*chain.after("v"), f"out[{layout.at('c', 'y', 'x')}] {'+=' if accumulate else '='} v;"]
    signature = f"{NAME}({ARGUMENTS}, vf *restrict spare, vf *restrict parts, vf *restrict out)"
    return kernel(signature, [*opening, *body, "}", "}", "}"])


def _overlaps(window: Window) -> bool:
    return any(kernel > stride for kernel, stride in zip(window.kernel, window.stride, strict=True))


class ChainCode:
    """The C of one chain's layers. The root's value is `z0`, and `n0` after the norm."""

    def __init__(self, node: Node, training: bool) -> None:
        self.node = node
        self.training = training

    def _runs(self, layer: Elementwise) -> bool:
        return self.training or not isinstance(layer, Dropout)

    def constants(self) -> list[str]:
        """The parameters that activations learn, as constants of the function."""
        both = [*self.node.before, *self.node.after]
        learned = learned_parameters(both)
        return [f"const float parameter{index} = *net->parameters[{index}];" for index in learned]

    def channel_constants(self) -> list[str]:
        channels = self.node.root.shape[0]
        return [] if self.node.root.norm is None else [f"const vf scale = norm[c], shift = norm[{channels} + c];"]

    def root(self, y: str, x: str) -> list[str]:
        value = "z0" if self.node.root.norm is None else "fused(z0, scale, shift)"
        return [*read_root(flat(self.node.root.shape).at("c", y, x)), f"vf v = {value};"]

    def before(self, value: str, *, keep: bool) -> list[str]:
        element = flat(self.node.root.shape).at("c", "i" if self.node.window else "y", "j" if self.node.window else "x")
        kept = costly_layer(self.node) if keep else None
        return [
            f"{value} = {_call(layer, value, element, f'parts[{element}] = ' if number == kept else '')};"
            for number, layer in enumerate(self.node.before)
            if self._runs(layer)
        ]

    def after(self, value: str) -> list[str]:
        element = flat(self.node.shape).at("c", "y", "x")
        return [f"{value} = {_call(layer, value, element)};" for layer in self.node.after if self._runs(layer)]


def learned_parameters(layers: Sequence[Elementwise]) -> list[int]:
    """Indices of the parameters that activations learn."""
    indices = {layer.parameter for layer in layers if isinstance(layer, Activation)}
    return sorted(index for index in indices if index is not None)


def _call(layer: Elementwise, value: str, element: str, keep: str = "") -> str:
    """C for the layer's output. `keep` assigns what a costly one computes on the way."""
    if isinstance(layer, Dropout):
        return f"{value} * {dropout_text(layer, element)}"
    if _is_costly(layer):
        return f"{layer.name}_of({value}, {keep}{layer.name}_part({value}))"
    return f"{layer.name}({value}{argument_text(layer)})"


def argument_text(layer: Activation) -> str:
    if layer.parameter is not None:
        return f", parameter{layer.parameter}"
    return "" if layer.argument is None else f", {real(layer.argument)}"


def dropout_text(layer: Dropout, element: str) -> str:
    p = finite(layer.p)
    scale, threshold = 1 / (1 - p), min(round(p * 2**32), 2**32 - 1)
    which = "(uint32_t)c" if layer.whole_channels else f"(uint32_t)({element})"
    return f"dropout_factor(net->seed, {layer.number}u, block, {which}, {threshold}u, {real(scale)})"


def read_root(place: str) -> list[str]:
    return [f"__builtin_prefetch(&z[{place} + {AHEAD}]);", f"const vf z0 = z[{place}];"]


def window_bounds(node: Node) -> list[str]:
    """C for where the window of (y, x) begins and ends inside the image."""
    window = node.window
    assert window is not None
    lines = []
    for axis, (here, first, end) in enumerate((("y", "top", "bottom"), ("x", "left", "right"))):
        kernel, stride, padding = window.kernel[axis], window.stride[axis], window.padding[axis]
        size, outputs = node.root.shape[1 + axis], node.shape[1 + axis]
        start = f"{here} * {stride} - {padding}" if padding else f"{here} * {stride}"
        last = f"{start} + {kernel}"
        if (outputs - 1) * stride - padding + kernel > size:
            last = f"({last} < {size} ? {last} : {size})"
        if padding:
            start = f"({start} > 0 ? {start} : 0)"
        lines.append(f"const int {first}_ = {start}, {end}_ = {last};")
    return lines


def in_window(node: Node, body: list[str]) -> list[str]:
    """C that runs `body` for each (i, j) of the window of (y, x). Small ones are unrolled, where they are whole."""
    window = node.window
    assert window is not None
    high, wide = window.kernel
    loops = ["for (int i = top_; i < bottom_; i++) for (int j = left_; j < right_; j++) {", *body, "}"]
    if high * wide > SMALL_WINDOW:
        return loops
    unrolled = [f"UNROLL for (int p = 0; p < {high}; p++) UNROLL for (int q = 0; q < {wide}; q++) {{"]
    unrolled += ["const int i = top_ + p, j = left_ + q;", *body, "}"]
    inside = all(
        padding == 0 and (outputs - 1) * stride + kernel <= size
        for outputs, size, kernel, stride, padding in zip(
            node.shape[1:], node.root.shape[1:], window.kernel, window.stride, window.padding, strict=True
        )
    )
    if inside:
        return unrolled
    return [f"if (bottom_ - top_ == {high} && right_ - left_ == {wide}) {{", *unrolled, "} else {", *loops, "}"]


def divisor(node: Node) -> str:
    """C for what an average divides by. As in torch, padding counts, but not what lies beyond it (ceil_mode)."""
    window = node.window
    assert window is not None
    sides = []
    for axis, here in enumerate("yx"):
        kernel, stride, padding = window.kernel[axis], window.stride[axis], window.padding[axis]
        size, outputs = node.root.shape[1 + axis], node.shape[1 + axis]
        limit = size + 2 * padding
        if (outputs - 1) * stride + kernel <= limit:
            sides.append(str(kernel))
        else:
            start = f"{here} * {stride}"
            sides.append(f"({start} + {kernel} < {limit} ? {kernel} : {limit} - {start})")
    return " * ".join(sides)


def kernel(signature: str, lines: list[str]) -> str:
    return "\n".join([f"KERNEL {signature} {{", *(f"    {line}" for line in lines), "}"]) + "\n"
