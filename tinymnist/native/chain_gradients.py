"""C for the way back over the chains of cheap layers, each in one pass over memory.

Every function takes the root's block `z`, its norm's vectors `norm` where it has one, and the gradient `d` at the
chain's end. `sums` adds up what the norm needs, `pull` writes the gradient at the root to `out`.
"""

from collections.abc import Sequence

from tinymnist.native.chains import (
    ARGUMENTS,
    CHEAP,
    NAME,
    SMALL_WINDOW,
    ChainCode,
    argument_text,
    costly_layer,
    divisor,
    dropout_text,
    in_window,
    kernel,
    learned_parameters,
    read_root,
    window_bounds,
)
from tinymnist.native.graph import Activation, Dropout, Elementwise, Node, Window
from tinymnist.native.layout import Layout, flat
from tinymnist.native.literals import real


def is_costly(node: Node) -> bool:
    """Whether going back over the chain to its norm is so slow that the result is kept rather than computed twice."""
    layers = [layer.name for layer in (*node.before, *node.after) if isinstance(layer, Activation)]
    scattered = node.window is not None and not _fits_registers(node)
    return node.root.norm is not None and (scattered or any(name not in CHEAP for name in layers))


def sums_function(node: Node, *, keep: bool, parts: bool) -> str:
    """`NAME(…, d, spare, parts, sums, gradients, pulled)`: per channel, the sum of the gradient at the norm's output,
    and the sum of it times normalised z. With `keep`, it also adds up the gradients of parameters in the chain, and
    writes the gradient at the norm's output to `pulled`. With `parts`, the way forward has kept them."""
    channels = node.root.shape[0]
    before = [f"const vf inverse = norm[{2 * channels} + c], offset = norm[{3 * channels} + c];"]
    before.append("vf sum = {0}, product = {0};")
    sink = ["sum += g;", "product = fused(g, fused(z0, inverse, offset), product);"]
    if keep:
        sink.append(f"pulled[{flat(node.root.shape).at('c', 'i', 'j')}] = g;")
    after = ["sums[2 * c] = sum;", "sums[2 * c + 1] = product;"]
    arguments = (
        f"{ARGUMENTS}, const vf *restrict d, vf *spare, const vf *restrict parts, vf *sums, fours *gradients, "
        "vf *restrict pulled"
    )
    return _backward(f"{NAME}({arguments})", node, before, sink, after, parameters=keep, parts=parts)


def pull_kept_function(node: Node, layout: Layout) -> str:
    """`NAME(z, pulled, back, out)`: the gradient at the root, from the kept gradient at the norm's output."""
    channels, height, width = node.root.shape
    place = flat(node.root.shape).at("c", "i", "j")
    return kernel(
        f"{NAME}(const vf *restrict z, const vf *restrict pulled, const vf *back, vf *restrict out)",
        [
            f"for (int c = 0; c < {channels}; c++) {{",
            f"const vf A = back[c], B = back[{channels} + c], D = back[{2 * channels} + c];",
            f"for (int i = 0; i < {height}; i++) for (int j = 0; j < {width}; j++)",
            f"out[{layout.at('c', 'i', 'j')}] = fused(A, pulled[{place}], fused(B, z[{place}], D));",
            "}",
        ],
    )


def pull_function(node: Node, layout: Layout, *, accumulate: bool, parts: bool) -> str:
    """`NAME(…, back, d, spare, parts, gradients, out)`: the gradient at the root, and those of parameters in the
    chain."""
    channels = node.root.shape[0]
    before: list[str] = []
    value = "g"
    if node.root.norm is not None:
        before = [f"const vf A = back[c], B = back[{channels} + c], D = back[{2 * channels} + c];"]
        value = "fused(A, g, fused(B, z0, D))"
    sink = [f"out[{layout.at('c', 'i', 'j')}] {'+=' if accumulate else '='} {value};"]
    arguments = (
        f"{ARGUMENTS}, const vf *back, const vf *restrict d, vf *spare, const vf *restrict parts, fours *gradients, "
        "vf *restrict out"
    )
    return _backward(f"{NAME}({arguments})", node, before, sink, [], parameters=True, parts=parts)


def _forth_and_back(
    layers: Sequence[Elementwise], start: str, prefix: str, element: str, kept: int | None = None
) -> tuple[list[str], list[str]]:
    """C that runs `layers` from `start` and keeps each input, and C that takes `g` back through them. The layer `kept`
    goes on from its part."""
    forth, back = [], []
    value = start
    for number, layer in enumerate(layers):
        following = f"{prefix}{number + 1}"
        if isinstance(layer, Dropout):
            forth.append(
                f"const vf {following}f = {dropout_text(layer, element)}, {following} = {value} * {following}f;"
            )
            back.append([f"g = g * {following}f;"])
        elif layer.name not in CHEAP:
            part = f"parts[{element}]" if number == kept else f"{layer.name}_part({value})"
            forth.append(f"const vf {following}p = {part}, {following} = {layer.name}_of({value}, {following}p);")
            forth.append(f"(void){following}, (void){following}p;")
            back.append([f"g = g * {layer.name}_slope_of({value}, {following}p);"])
        else:
            forth.append(f"const vf {following} = {layer.name}({value}{argument_text(layer)}); (void){following};")
            steps = []
            if layer.parameter is not None:
                steps.append(f"slope{layer.parameter} += g * minimum({value}, (vf){{0}});")
            if layer.name == "relu":
                steps.append(f"g = keep_where({value} > 0.0f, g);")
            else:
                steps.append(f"g = g * {layer.name}_slope({value}{argument_text(layer)});")
            back.append(steps)
        value = following
    forth.append(f"const vf {prefix}end = {value}; (void){prefix}end;")
    return forth, [step for steps in reversed(back) for step in steps]


def _backward(
    signature: str, node: Node, before: list[str], sink: list[str], after: list[str], *, parameters: bool, parts: bool
) -> str:
    """The function that goes back over a chain. `sink` runs for each value (c, i, j) of the root, with the value `z0`
    and the gradient `g` at the norm's output."""
    chain = ChainCode(node, training=True)
    learned = learned_parameters([*node.before, *node.after])
    opening = ["(void)net, (void)block, (void)norm, (void)spare, (void)parts, (void)gradients;", *chain.constants()]
    kept = costly_layer(node) if parts else None
    opening += [f"vf slope{index} = {{0}};" for index in learned]
    closing = [f"(void)slope{index};" for index in learned]
    if parameters:
        closing = [f"add_fours(&gradients[OFFSET{index}], images_in(net, block), slope{index});" for index in learned]
    head = [*chain.channel_constants(), *before]
    shape = node.root.shape
    if node.window is None:
        body = _plain(node, sink, kept)
    elif _fits_registers(node):
        body = _windowed(node, sink, kept)
    else:
        plane = shape[1] * shape[2]
        opening.append(f"vf *values = spare, *routed = spare + {plane}, *gates = spare + {2 * plane};")
        closing.append("(void)values, (void)gates;")
        body = _scattered(node, sink, kept)
    loop = [f"for (int c = 0; c < {shape[0]}; c++) {{", *head, *body, *after, "}"]
    return kernel(signature, [*opening, *loop, *closing])


def _plain(node: Node, sink: list[str], kept: int | None) -> list[str]:
    _, height, width = node.root.shape
    place = flat(node.root.shape).at("c", "i", "j")
    forth, back = _forth_and_back(node.before, "n0", "b", place, kept)
    return [
        f"for (int i = 0; i < {height}; i++) for (int j = 0; j < {width}; j++) {{",
        *read_root(place),
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


def _windowed(node: Node, sink: list[str], kept: int | None) -> list[str]:
    """Back over windows in registers: each is computed forward, and its gradient goes to all values of an average, or
    to the first value that equals the maximum."""
    window = node.window
    assert window is not None
    high, wide = window.kernel
    _, rows, columns = node.shape
    _, height, width = node.root.shape
    place = flat(node.root.shape).at("c", "i", "j")
    forth, back = _forth_and_back(node.before, "n0", "b", place, kept)
    each = f"UNROLL for (int p = 0; p < {high}; p++) UNROLL for (int q = 0; q < {wide}; q++) {{"
    locate = f"const int i = y * {high} + p, j = x * {wide} + q;"
    read = [*read_root(place), f"const vf n0 = {_normed(node)};"]
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


def _scattered(node: Node, sink: list[str], kept: int | None) -> list[str]:
    """Back over windows of any kind: gradients are scattered to the values of each window first, of the whole channel,
    or row by row where windows are pairs of rows."""
    _, height, width = node.root.shape
    by_rows = _is_pairwise(node)
    here = f"i % 2 * {width} + j" if by_rows else f"i * {width} + j"
    forth, back = _forth_and_back(node.before, "n0", "b", flat(node.root.shape).at("c", "i", "j"), kept)
    root = f"z[{flat(node.root.shape).at('c', 'i', 'j')}]"
    read, normed = f"const vf z0 = {root}; (void)z0;", f"const vf n0 = {_normed(node)};"
    bare = not by_rows and node.root.norm is None and not node.before  # values are those of the root
    gated = not any(isinstance(layer, Activation) and layer.parameter is not None for layer in node.before)
    first = [read, normed, *forth, f"values[{here}] = bend;"]
    if gated:  # keep what the gradient is multiplied by on its way back, so that the layers are computed only once
        first += ["vf g = splat(1.0f);", *back, f"gates[{here}] = g;"]
    routing, routed = _pairwise(node) if by_rows else _each_window(node, root if bare else f"values[{here}]")
    last = [read, *([] if gated else [normed, *forth]), f"vf g = {routed};"]
    last += [f"g = g * gates[{here}];"] if gated and not bare else back
    each_row, each_column = f"for (int i = 0; i < {height}; i++)", f"for (int j = 0; j < {width}; j++)"
    if not by_rows:
        each = f"{each_row} {each_column} {{"
        return [*([] if bare else [each, *first, "}"]), *routing, each, *last, *sink, "}"]
    return [
        f"{each_column} routed[j] = (vf){{0}};",
        f"for (int row = 0; row <= {height}; row++) {{",
        f"if (row < {height}) {{ const int i = row; {each_column} {{",
        *first,
        "} }",
        "if (row > 0) { const int i = row - 1;",
        f"if (row < {height}) {{",
        *routing,
        "}",
        f"{each_column} {{",
        *last,
        *sink,
        "} } }",
    ]


def _each_window(node: Node, value: str) -> tuple[list[str], str]:
    """C that scatters the gradient of each window to `routed`, and the C expression for the gradient at (i, j), where
    the input is `value`."""
    window = node.window
    assert window is not None
    _, height, width = node.root.shape
    _, rows, columns = node.shape
    here = f"i * {width} + j"
    end = flat(node.shape).at("c", "y", "x")
    after_forth, after_back = _forth_and_back(node.after, "m", "a", end)
    lines = [f"for (int k = 0; k < {height * width}; k++) routed[k] = (vf){{0}};"]
    lines += [f"for (int y = 0; y < {rows}; y++) for (int x = 0; x < {columns}; x++) {{", *window_bounds(node)]
    if window.average:
        if node.after:
            lines += ["vf m = {0};", *in_window(node, [f"m += {value};"])]
        lines.append(f"const float share = 1.0f / (float)({divisor(node)});")
        lines += [*(["m *= share;", *after_forth] if node.after else []), f"vf g = d[{end}];", *after_back]
        lines += in_window(node, [f"routed[{here}] += g * share;"])
    else:
        lines += ["vf m = splat(-INFINITY);", *in_window(node, [f"m = maximum({value}, m);"])]
        lines += [*after_forth, f"vf g = d[{end}];", *after_back, "vi taken = {0};"]
        routing = [
            f"const vi top = ({value} == m) & ~taken;",
            "taken |= top;",
            f"routed[{here}] += keep_where(top, g);",
        ]
        lines += in_window(node, routing)
    return [*lines, "}"], f"routed[{here}]"


def _is_pairwise(node: Node) -> bool:
    """Whether the pooling is a maximum over 2x2 with stride 1, without padding."""
    window = node.window
    assert window is not None
    _, height, width = node.root.shape
    inside = window.padding == (0, 0) and node.shape[1:] == (height - 1, width - 1)
    return not window.average and window.kernel == (2, 2) and window.stride == (1, 1) and inside


def _pairwise(node: Node) -> tuple[list[str], str]:
    """`_each_window` for row i, by maxima of two; `values` and `routed` hold two rows. The gradient goes to the row,
    then to the column, of the maximum. Among equal values, the first in row order gets it."""
    _, _, width = node.root.shape
    end = flat(node.shape).at("c", "i", "j")
    after_forth, after_back = _forth_and_back(node.after, "m", "a", end)
    lines = [
        f"const int here = i % 2 * {width}, below = (i + 1) % 2 * {width};",
        f"for (int j = 0; j < {width - 1}; j++) {{",
        "const vf upper = maximum(values[here + j], values[here + j + 1]);",
        "const vf lower = maximum(values[below + j], values[below + j + 1]), m = maximum(upper, lower);",
        "(void)m;",
        *after_forth,
        f"vf g = d[{end}];",
        *after_back,
        "const vi first = upper >= lower;",
        "routed[here + j] += keep_where(first, g);",
        "routed[below + j] = keep_where(~first, g);",
        "}",
    ]
    here = f"i % 2 * {width} + j"
    left = f"j > 0 ? keep_where(values[{here} - 1] < values[{here}], routed[{here} - 1]) : (vf){{0}}"
    right = f"j < {width - 1} ? keep_where(values[{here}] >= values[{here} + 1], routed[{here}]) : (vf){{0}}"
    return lines, f"({left}) + ({right})"


def _normed(node: Node) -> str:
    return "z0" if node.root.norm is None else "fused(z0, scale, shift)"
