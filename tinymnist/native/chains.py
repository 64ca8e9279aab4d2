"""C for the chains of cheap layers: forward from a root, and backward to it, each in one pass over memory.

Every C function takes the root's block `z` and, where the root has a norm, its vectors `norm`. A forward function
writes the chain's end to `out`. Backward functions take the gradient `d` at the chain's end: `sums` adds up what the
norm needs, and `pull` writes the gradient at the root to `out`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tinymnist.native.graph import Activation, Dropout, Elementwise, Node, Window
from tinymnist.native.literals import finite, real


@dataclass(frozen=True, slots=True)
class Layout:
    """Where element (c, y, x) of a tensor lies, in vectors: at offset + c * plane + y * row + x * step."""

    offset: int
    plane: int
    row: int
    step: int

    @property
    def distances(self) -> tuple[int, int, int]:
        return self.plane, self.row, self.step

    def at(self, c: str, y: str, x: str) -> str:
        """The C expression for the place of (c, y, x)."""
        return f"{self.offset} + {c} * {self.plane} + {y} * {self.row} + {x} * {self.step}"


def flat(shape: tuple[int, int, int]) -> Layout:
    """The layout of a tensor (channels, height, width) without padding."""
    _, height, width = shape
    return Layout(0, height * width, width, 1)


NAME = "NAME"
"""Placeholder for the name of a function. `source` fills it in, and gives functions of equal text the same name."""

AHEAD = 64
"""How many vectors ahead a root is prefetched: it comes from beyond the L2 cache, and windows read more rows at a time
than the machine prefetches by itself."""

SMALL_WINDOW = 9
"""The most values of a window that are kept in registers."""

_ARGUMENTS = "const struct network *net, const uint32_t block, const vf *restrict z, const vf *norm"


def forward_function(node: Node, layout: Layout, *, training: bool, accumulate: bool) -> str:
    """`NAME(…, spare, out)`: computes the chain from the root's block, and writes its end to `out` in `layout`, or with
    `accumulate` adds it."""
    chain = _ChainCode(node, training)
    opening = ["(void)net, (void)block, (void)norm, (void)spare;", *chain.constants()]
    window = node.window
    body = chain.channel_constants()
    if window is None:
        body += ["EACH_PIXEL {", *chain.root("y", "x"), *chain.before("v")]
    else:
        overlaps = any(kernel > stride for kernel, stride in zip(window.kernel, window.stride, strict=True))
        read = [*chain.root("i", "j"), *chain.before("v")]
        if overlaps:  # several windows read each value, which is computed once
            _, height, width = node.root.shape
            body += [f"for (int i = 0; i < {height}; i++) for (int j = 0; j < {width}; j++) {{", *read]
            body += [f"spare[i * {width} + j] = v;", "}"]
            read = [f"const vf v = spare[i * {width} + j];"]
        initial = "(vf){0}" if window.average else "splat(-INFINITY)"
        body += ["EACH_PIXEL {", f"vf m = {initial};", *_bounds(node), *_window_loops(node), *read]
        body += ["m += v;" if window.average else "m = maximum(v, m);", "}"]
        if window.average:
            body.append(f"m *= 1.0f / (float)({_divisor(node)});")
        body.append("vf v = m;")
    body += [*chain.after("v"), f"out[{layout.at('c', 'y', 'x')}] {'+=' if accumulate else '='} v;"]
    signature = f"{NAME}({_ARGUMENTS}, vf *restrict spare, vf *restrict out)"
    return _function(signature, [*opening, *_channels(node.shape, body)])


CHEAP = ("relu", "relu6", "leaky_relu", "hardswish")
"""Activations that take a few instructions; the others need an exponential."""


def is_costly(node: Node) -> bool:
    """Whether going back over the chain to its norm is so slow that the result is kept rather than computed twice."""
    layers = [layer.name for layer in (*node.before, *node.after) if isinstance(layer, Activation)]
    scattered = node.window is not None and not _fits_registers(node)
    return node.root.norm is not None and (scattered or any(name not in CHEAP for name in layers))


def sums_function(node: Node, *, keep: bool) -> str:
    """`NAME(…, d, spare, sums, gradients, pulled)`: per channel, the sum of the gradient at the norm's output, and the
    sum of it times normalised z. With `keep`, it also adds up the gradients of parameters in the chain, and writes the
    gradient at the norm's output to `pulled`."""
    channels = node.root.shape[0]
    before = [f"const vf inverse = norm[{2 * channels} + c], offset = norm[{3 * channels} + c];"]
    before.append("vf sum = {0}, product = {0};")
    sink = ["sum += g;", "product += g * (z0 * inverse + offset);"]
    if keep:
        sink.append(f"pulled[{flat(node.root.shape).at('c', 'i', 'j')}] = g;")
    after = ["sums[2 * c] = sum;", "sums[2 * c + 1] = product;"]
    arguments = f"{_ARGUMENTS}, const vf *restrict d, vf *spare, vf *sums, float *gradients, vf *restrict pulled"
    return _backward(f"{NAME}({arguments})", node, before, sink, after, parameters=keep)


def pull_kept_function(node: Node, layout: Layout) -> str:
    """`NAME(z, pulled, back, out)`: the gradient at the root, from the kept gradient at the norm's output."""
    channels, height, width = node.root.shape
    place = flat(node.root.shape).at("c", "i", "j")
    return _function(
        f"{NAME}(const vf *restrict z, const vf *restrict pulled, const vf *back, vf *restrict out)",
        [
            f"for (int c = 0; c < {channels}; c++) {{",
            f"const vf A = back[c], B = back[{channels} + c], D = back[{2 * channels} + c];",
            f"for (int i = 0; i < {height}; i++) for (int j = 0; j < {width}; j++)",
            f"out[{layout.at('c', 'i', 'j')}] = A * pulled[{place}] + B * z[{place}] + D;",
            "}",
        ],
    )


def pull_function(node: Node, layout: Layout, *, accumulate: bool) -> str:
    """`NAME(…, back, d, spare, gradients, out)`: the gradient at the root, and those of parameters in the chain."""
    channels = node.root.shape[0]
    before: list[str] = []
    value = "g"
    if node.root.norm is not None:
        before = [f"const vf A = back[c], B = back[{channels} + c], D = back[{2 * channels} + c];"]
        value = "A * g + B * z0 + D"
    sink = [f"out[{layout.at('c', 'i', 'j')}] {'+=' if accumulate else '='} {value};"]
    arguments = f"{_ARGUMENTS}, const vf *back, const vf *restrict d, vf *spare, float *gradients, vf *restrict out"
    return _backward(f"{NAME}({arguments})", node, before, sink, [], parameters=True)


class _ChainCode:
    """The C of one chain's layers. The root's value is `z0`, and `n0` after the norm."""

    def __init__(self, node: Node, training: bool) -> None:
        self.node = node
        self.training = training

    def layers(self, layers: Sequence[Elementwise]) -> list[Elementwise]:
        return [layer for layer in layers if self.training or not isinstance(layer, Dropout)]

    def constants(self) -> list[str]:
        """The parameters that activations learn, as constants of the function."""
        both = [*self.node.before, *self.node.after]
        learned = _learned(both)
        return [f"const float parameter{index} = *net->parameters[{index}];" for index in learned]

    def channel_constants(self) -> list[str]:
        channels = self.node.root.shape[0]
        return [] if self.node.root.norm is None else [f"const vf scale = norm[c], shift = norm[{channels} + c];"]

    def root(self, y: str, x: str) -> list[str]:
        value = "z0" if self.node.root.norm is None else "z0 * scale + shift"
        return [*_read(flat(self.node.root.shape).at("c", y, x)), f"vf v = {value};"]

    def before(self, value: str) -> list[str]:
        element = flat(self.node.root.shape).at("c", "i" if self.node.window else "y", "j" if self.node.window else "x")
        return [f"{value} = {_call(layer, value, element)};" for layer in self.layers(self.node.before)]

    def after(self, value: str) -> list[str]:
        element = flat(self.node.shape).at("c", "y", "x")
        return [f"{value} = {_call(layer, value, element)};" for layer in self.layers(self.node.after)]


def _learned(layers: Sequence[Elementwise]) -> list[int]:
    """Indices of the parameters that activations learn."""
    indices = {layer.parameter for layer in layers if isinstance(layer, Activation)}
    return sorted(index for index in indices if index is not None)


def _call(layer: Elementwise, value: str, element: str) -> str:
    if isinstance(layer, Dropout):
        return f"{value} * {_factor(layer, element)}"
    return f"{layer.name}({value}{_argument(layer)})"


def _argument(layer: Activation) -> str:
    if layer.parameter is not None:
        return f", parameter{layer.parameter}"
    return "" if layer.argument is None else f", {real(layer.argument)}"


def _factor(layer: Dropout, element: str) -> str:
    p = finite(layer.p)
    scale, threshold = 1 / (1 - p), min(round(p * 2**32), 2**32 - 1)
    which = "(uint32_t)c" if layer.whole_channels else f"(uint32_t)({element})"
    return f"dropout_factor(net->seed, {layer.number}u, block, {which}, {threshold}u, {real(scale)})"


def _forth_and_back(
    layers: Sequence[Elementwise], start: str, prefix: str, element: str
) -> tuple[list[str], list[str]]:
    """C that runs `layers` from `start` and keeps each input, and C that takes `g` back through them."""
    forth, back = [], []
    value = start
    for number, layer in enumerate(layers):
        following = f"{prefix}{number + 1}"
        if isinstance(layer, Dropout):
            forth.append(f"const vf {following}f = {_factor(layer, element)}, {following} = {value} * {following}f;")
            back.append([f"g = g * {following}f;"])
        else:
            forth.append(f"const vf {following} = {layer.name}({value}{_argument(layer)}); (void){following};")
            steps = []
            if layer.parameter is not None:
                steps.append(f"slope{layer.parameter} += g * minimum({value}, (vf){{0}});")
            if layer.name == "relu":
                steps.append(f"g = keep_where({value} > 0.0f, g);")
            else:
                steps.append(f"g = g * {layer.name}_slope({value}{_argument(layer)});")
            back.append(steps)
        value = following
    forth.append(f"const vf {prefix}end = {value}; (void){prefix}end;")
    return forth, [step for steps in reversed(back) for step in steps]


def _backward(
    signature: str, node: Node, before: list[str], sink: list[str], after: list[str], *, parameters: bool = False
) -> str:
    """The function that goes back over a chain. `sink` runs for each value (c, i, j) of the root, with the value `z0`
    and the gradient `g` at the norm's output."""
    chain = _ChainCode(node, training=True)
    learned = _learned([*node.before, *node.after])
    opening = ["(void)net, (void)block, (void)norm, (void)spare, (void)gradients;", *chain.constants()]
    opening += [f"vf slope{index} = {{0}};" for index in learned]
    closing = [f"(void)slope{index};" for index in learned]
    if parameters:
        closing = [
            f"gradients[OFFSET{index}] += lane_sum(keep_where(images_in(net, block), slope{index}));"
            for index in learned
        ]
    head = [*chain.channel_constants(), *before]
    shape = node.root.shape
    if node.window is None:
        body = _plain(node, sink)
    elif _fits_registers(node):
        body = _windowed(node, sink)
    else:
        plane = shape[1] * shape[2]
        opening.append(f"vf *values = spare, *routed = spare + {plane}, *gates = spare + {2 * plane};")
        closing.append("(void)gates;")
        body = _scattered(node, sink)
    loop = [f"for (int c = 0; c < {shape[0]}; c++) {{", *head, *body, *after, "}"]
    return _function(signature, [*opening, *loop, *closing])


def _read(place: str) -> list[str]:
    return [f"__builtin_prefetch(&z[{place} + {AHEAD}]);", f"const vf z0 = z[{place}];"]


def _normed(node: Node) -> str:
    return "z0" if node.root.norm is None else "z0 * scale + shift"


def _plain(node: Node, sink: list[str]) -> list[str]:
    _, height, width = node.root.shape
    place = flat(node.root.shape).at("c", "i", "j")
    forth, back = _forth_and_back(node.before, "n0", "b", place)
    return [
        f"for (int i = 0; i < {height}; i++) for (int j = 0; j < {width}; j++) {{",
        *_read(place),
        f"const vf n0 = {_normed(node)};",
        *forth,
        f"vf g = d[{place}];",
        *back,
        *sink,
        "}",
    ]


def _fits_registers(node: Node) -> bool:
    """Whether the windows are small, neither overlap nor leave gaps, and lie inside the image."""
    window = node.window
    assert window is not None
    inside = all(
        outputs * stride <= size
        for outputs, stride, size in zip(node.shape[1:], window.stride, node.root.shape[1:], strict=True)
    )
    small = window.kernel[0] * window.kernel[1] <= SMALL_WINDOW
    return small and inside and window.kernel == window.stride and window.padding == (0, 0)


def _windowed(node: Node, sink: list[str]) -> list[str]:
    """Back over windows in registers: each is computed forward, and its gradient goes to all values of an average, or
    to the first value that equals the maximum."""
    window = node.window
    assert window is not None
    high, wide = window.kernel
    _, rows, columns = node.shape
    _, height, width = node.root.shape
    place = flat(node.root.shape).at("c", "i", "j")
    forth, back = _forth_and_back(node.before, "n0", "b", place)
    each = f"UNROLL for (int p = 0; p < {high}; p++) UNROLL for (int q = 0; q < {wide}; q++) {{"
    locate = f"const int i = y * {high} + p, j = x * {wide} + q;"
    read = [*_read(place), f"const vf n0 = {_normed(node)};"]
    lines = [f"for (int y = 0; y < {rows}; y++) for (int x = 0; x < {columns}; x++) {{"]
    if not window.average or node.after:
        lines += [f"vf value[{high * wide}];", each, locate, *read, *forth, f"value[p * {wide} + q] = bend;", "}"]
        lines += _reduced(window, high * wide)
    end = flat(node.shape).at("c", "y", "x")
    after_forth, after_back = _forth_and_back(node.after, "m", "a", end)
    lines += [*(after_forth if node.after else []), f"vf g = d[{end}];", *after_back, "const vf top = g;"]
    if window.average:
        route = [f"vf g = top * {real(1 / (high * wide))};"]
    else:
        lines.append("vi taken = {0};")
        route = [f"const vi here = (value[p * {wide} + q] == m) & ~taken;", "taken |= here;"]
        route.append("vf g = keep_where(here, top);")
    lines += [each, locate, *read, *forth, *route, *back, *sink, "}", "}"]
    rest = [f"const vf z0 = z[{place}], g = {{0}}; (void)z0;", *sink, "}"]
    if columns * wide < width:
        lines += [f"for (int i = 0; i < {height}; i++) for (int j = {columns * wide}; j < {width}; j++) {{", *rest]
    if rows * high < height:
        lines += [
            f"for (int i = {rows * high}; i < {height}; i++) for (int j = 0; j < {columns * wide}; j++) {{",
            *rest,
        ]
    return lines


def _reduced(window: Window, count: int) -> list[str]:
    if window.average:
        total = " + ".join(f"value[{k}]" for k in range(count))
        return [f"const vf m = ({total}) * {real(1 / count)};"]
    return ["vf m = value[0];", f"UNROLL for (int k = 1; k < {count}; k++) m = maximum(value[k], m);"]


def _scattered(node: Node, sink: list[str]) -> list[str]:
    """Back over windows of any kind: the gradients of a whole channel's windows are scattered first."""
    _, height, width = node.root.shape
    forth, back = _forth_and_back(node.before, "n0", "b", flat(node.root.shape).at("c", "i", "j"))
    read = f"const vf z0 = z[{flat(node.root.shape).at('c', 'i', 'j')}];"
    normed = f"const vf n0 = {_normed(node)};"
    each = f"for (int i = 0; i < {height}; i++) for (int j = 0; j < {width}; j++) {{"
    here = f"i * {width} + j"
    gated = not any(isinstance(layer, Activation) and layer.parameter is not None for layer in node.before)
    first = [each, read, normed, *forth, f"values[{here}] = bend;"]
    if gated:  # keep what the gradient is multiplied by on its way back, so that the layers are computed only once
        first += ["vf g = splat(1.0f);", *back, f"gates[{here}] = g;"]
    routing, routed = _pairwise(node) if _is_pairwise(node) else _each_window(node)
    last = [each, read, *([] if gated else [normed, *forth]), f"vf g = {routed};"]
    last += [f"g = g * gates[{here}];"] if gated else back
    return [*first, "}", *routing, *last, *sink, "}"]


def _each_window(node: Node) -> tuple[list[str], str]:
    """C that scatters the gradient of each window to `routed`, and the C expression for the gradient at (i, j)."""
    window = node.window
    assert window is not None
    _, height, width = node.root.shape
    _, rows, columns = node.shape
    here = f"i * {width} + j"
    end = flat(node.shape).at("c", "y", "x")
    after_forth, after_back = _forth_and_back(node.after, "m", "a", end)
    lines = [f"for (int k = 0; k < {height * width}; k++) routed[k] = (vf){{0}};"]
    lines += [f"for (int y = 0; y < {rows}; y++) for (int x = 0; x < {columns}; x++) {{", *_bounds(node)]
    if window.average:
        lines += ["vf m = {0};", *_window_loops(node), f"m += values[{here}];", "}"]
        lines += [f"const float share = 1.0f / (float)({_divisor(node)});", "m *= share;"]
        lines += [*after_forth, f"vf g = d[{end}];", *after_back]
        lines += [*_window_loops(node), f"routed[{here}] += g * share;", "}"]
    else:
        lines += ["vf m = splat(-INFINITY);", *_window_loops(node), f"m = maximum(values[{here}], m);", "}"]
        lines += [*after_forth, f"vf g = d[{end}];", *after_back, "vi taken = {0};", *_window_loops(node)]
        lines += [f"const vi top = (values[{here}] == m) & ~taken;", "taken |= top;"]
        lines += [f"routed[{here}] += keep_where(top, g);", "}"]
    return [*lines, "}"], f"routed[{here}]"


def _is_pairwise(node: Node) -> bool:
    """Whether the pooling is a maximum over 2x2 with stride 1, without padding."""
    window = node.window
    assert window is not None
    _, height, width = node.root.shape
    inside = window.padding == (0, 0) and node.shape[1:] == (height - 1, width - 1)
    return not window.average and window.kernel == (2, 2) and window.stride == (1, 1) and inside


def _pairwise(node: Node) -> tuple[list[str], str]:
    """`_each_window` by maxima of two: the gradient goes to the row, then to the column, of the maximum. Among equal
    values, the first in row order gets it."""
    _, height, width = node.root.shape
    end = flat(node.shape).at("c", "y", "x")
    after_forth, after_back = _forth_and_back(node.after, "m", "a", end)
    lines = [
        f"for (int x = 0; x < {width - 1}; x++) {{",
        "vf upper = maximum(values[x], values[x + 1]), from_above = {0};",
        f"for (int y = 0; y < {height - 1}; y++) {{",
        f"const vf *below = values + (y + 1) * {width} + x;",
        "const vf lower = maximum(below[0], below[1]), m = maximum(upper, lower);",
        "(void)m;",
        *after_forth,
        f"vf g = d[{end}];",
        *after_back,
        "const vi first = upper >= lower;",
        f"routed[y * {width} + x] = from_above + keep_where(first, g);",
        "from_above = keep_where(~first, g);",
        "upper = lower;",
        "}",
        f"routed[{(height - 1) * width} + x] = from_above;",
        "}",
    ]
    here = f"i * {width} + j"
    left = f"j > 0 ? keep_where(values[{here} - 1] < values[{here}], routed[{here} - 1]) : (vf){{0}}"
    right = f"j < {width - 1} ? keep_where(values[{here}] >= values[{here} + 1], routed[{here}]) : (vf){{0}}"
    return lines, f"({left}) + ({right})"


def _bounds(node: Node) -> list[str]:
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


def _window_loops(node: Node) -> list[str]:
    window = node.window
    assert window is not None
    unroll = "UNROLL " if window.kernel[0] * window.kernel[1] <= SMALL_WINDOW else ""
    return [
        f"{unroll}for (int i = top_; i < bottom_; i++)",
        f"{unroll}for (int j = left_; j < right_; j++) {{",
    ]


def _divisor(node: Node) -> str:
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


def _channels(shape: tuple[int, int, int], body: list[str]) -> list[str]:
    each = f"for (int y = 0; y < {shape[1]}; y++) for (int x = 0; x < {shape[2]}; x++)"
    body = [line.replace("EACH_PIXEL", each) for line in body]
    return [f"for (int c = 0; c < {shape[0]}; c++) {{", *body, "}", "}"]


def _function(signature: str, lines: list[str]) -> str:
    return "\n".join([f"KERNEL {signature} {{", *(f"    {line}" for line in lines), "}"]) + "\n"
