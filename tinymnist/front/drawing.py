"""The front as a picture: parameters and test error on log axes. The only place that imports matplotlib."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from tinymnist.errors import UsageError
from tinymnist.files import write_atomically
from tinymnist.front.labels import LEADER, Box, Label, place
from tinymnist.front.points import Front, Point
from tinymnist.front.published import KINDS, Kind
from tinymnist.statistics import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Format = Literal["svg", "png", "pdf"]

WIDTH, HEIGHT = 8.4, 5.9
"""Inches: at 800 pixels the text is as large as that of a page around it."""
DOTS = 200
"""Per inch, of a PNG."""
OURS, THEIRS, INK = "#0072B2", "#B85600", "#262626"
"""Blue and a dark vermilion of M. Okabe and K. Ito, https://jfly.uni-koeln.de/color/: told apart by all eyes."""
MARKERS: dict[Kind, str] = {"mean": "s", "one run": "D", "chosen": "^"}
MANY = 14
"""With more points than this, only those on the front are labelled."""
COUNTS, ERRORS = (1, 2, 3, 5, 7), (1, 1.5, 2, 3, 4, 5, 6, 8)
"""Leading digits of the ticks; fewer where that makes more than `TICKS`."""
TICKS = 10
SETTINGS: dict[str, Any] = {
    "figure.dpi": DOTS,
    "font.size": 8.5,
    "axes.edgecolor": "#8C8C8C",
    "axes.labelcolor": INK,
    "text.color": INK,
    "text.hinting": "none",
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.hashsalt": "tinymnist",
    "svg.fonttype": "path",
}


def picture_format(path: str | Path) -> Format:
    """By the extension. Raises `UsageError` for any but those of `Format`."""
    extension = Path(path).suffix.removeprefix(".").lower()
    for known in get_args(Format):
        if extension == known:
            return known
    raise UsageError(f"{path}: expects a name that ends in .svg, .png or .pdf")


def write_picture(front: Front, path: str | Path) -> None:
    """Draws the front into a file that appears whole or not at all; the same front and the same version of matplotlib
    give the same bytes.

    Raises `UsageError` for the name of another format, or without matplotlib, and `DataError` where it cannot write.
    """
    kind, content = picture_format(path), io.BytesIO()
    undated = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}, "pdf": {"CreationDate": None}}
    with _matplotlib():
        draw(front).savefig(content, format=kind, dpi=DOTS, metadata=undated[kind])
    write_atomically(path, content.getvalue())


def draw(front: Front) -> "Figure":
    """The picture, without a window. Raises `UsageError` without matplotlib."""
    with _matplotlib():
        from matplotlib.figure import Figure

        figure = Figure((WIDTH, HEIGHT), facecolor="white")
        axes = figure.add_axes((0.07, 0.175, 0.85, 0.77))
        _scale(axes, front)
        _draw_front(axes, front)
        for point, on_front in zip(front.points, front.on_front, strict=True):
            _draw_point(axes, point, on_front, front)
        for each in front.published:
            axes.plot(
                each.parameters, each.error, MARKERS[each.kind], color=THEIRS, markerfacecolor="white", markersize=4.6,
                zorder=6,
            )  # fmt: skip
        _draw_labels(axes, front)
        _draw_legend(axes, front)
        return figure


@contextmanager
def _matplotlib() -> Iterator[None]:
    """Settings of our own, whatever the user's are."""
    try:
        import matplotlib
    except ModuleNotFoundError:
        raise UsageError('drawing needs matplotlib: pip install "tinymnist[plots]"') from None
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        yield


def _lowest(front: Front) -> float:
    """Half an image, percent: what stands for no error at all on a log axis."""
    return 50.0 / front.images


def _scale(axes: "Axes", front: Front) -> None:
    """Log axes with ticks at round numbers, errors on the left and the same as accuracies on the right."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    counts = [each.parameters for each in (*front.points, *front.published)]
    errors = [max(each.error, _lowest(front)) for each in (*front.points, *front.published)]
    bars = [_bar(point, front) for point in front.points]
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(min(counts) / 1.45, max(counts) * 1.4)
    axes.set_ylim(  # a bar may go beyond: with two seeds it is nearly endless
        max(min(errors) / 1.5, min(min(errors) / 1.25, *(low / 1.1 for low, _ in bars))),
        min(max(errors) * 1.5, max(max(errors) * 1.25, *(high * 1.1 for _, high in bars))),
    )
    right = axes.twinx()
    right.set_yscale("log")
    right.set_ylim(axes.get_ylim())
    for axis, limits, digits, text in (
        (axes.xaxis, axes.get_xlim(), COUNTS, lambda value, _: f"{value:,.0f}"),
        (axes.yaxis, axes.get_ylim(), ERRORS, lambda value, _: f"{value:g}"),
        (right.yaxis, axes.get_ylim(), ERRORS, lambda value, _: f"{100 - value:.6g}"),
    ):
        axis.set_major_locator(FixedLocator(_round_numbers(*limits, digits)))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(text))
    axes.grid(color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel("parameters")
    axes.set_ylabel("test error, %")
    right.set_ylabel("accuracy, %", rotation=270, labelpad=12)
    for each in (axes, right):
        each.spines["top"].set_visible(False)
        each.tick_params(length=0)
    axes.set_title(f"What networks reach for their parameters, on {front.scored_on}", loc="left", fontsize=9.5)


def _round_numbers(low: float, high: float, digits: Sequence[float]) -> list[float]:
    for leading in (digits, (1, 2, 5), (1,)):
        values = [float(f"{digit}e{power}") for power in range(-4, 12) for digit in leading]
        inside = [value for value in values if low <= value <= high]
        if len(inside) <= TICKS:
            break
    return inside


def _draw_front(axes: "Axes", front: Front) -> None:
    """A staircase: the best mean error for at most so many parameters, to the edge of the picture."""
    best = front.best
    counts = [*(point.parameters for point in best), axes.get_xlim()[1]]
    errors = [*(point.error for point in best), best[-1].error]
    axes.step(counts, [max(error, _lowest(front)) for error in errors], where="post", color=OURS, linewidth=1.1)


def _draw_point(axes: "Axes", point: Point, on_front: bool, front: Front) -> None:
    """The mean, its 95 % interval as a thick bar, and the best and worst seed as the ends of a thin one."""
    lowest, face = _lowest(front), OURS if on_front else "white"
    for (low, high), width in ((point.error_range, 0.8), (point.error_interval or point.error_range, 2.6)):
        axes.vlines(point.parameters, max(low, lowest), max(high, lowest), color=OURS, linewidth=width, zorder=4)
    axes.plot(
        point.parameters, max(point.error, lowest), "o", color=OURS, markerfacecolor=face, markersize=5.4, zorder=5
    )


def _bar(point: Point, front: Front) -> Interval:
    """From the lowest end of the two bars to the highest, percent."""
    ends = (*point.error_range, *(point.error_interval or point.error_range))
    return max(min(ends), _lowest(front)), max(*ends, _lowest(front))


def _draw_labels(axes: "Axes", front: Front) -> None:
    """Name and figures beside each mark, clear of one another; with a line to the mark where it is not near."""
    lowest, points = _lowest(front), front.points if len(front.points) <= MANY else front.best
    texts = [
        (point.parameters, max(point.error, lowest), f"{point.name}, {point.parameters:,}\n{point.figures}", OURS, 8.0)
        for point in points
    ]
    for each in front.published:
        spread = "" if each.std is None else f" ± {each.std:.2f}"
        texts.append((each.parameters, each.error, f"{each.who}\n{each.accuracy:.2f}{spread} %", THEIRS, 7.0))
    labels = [_measured(axes, *text) for text in texts]
    for (count, error, text, color, size), label, box in zip(
        texts, labels, place(labels, _obstacles(axes, front), _inside(axes)), strict=True
    ):
        x, y = box.centre
        far = box.distance(label.x, label.y) >= LEADER
        leader = {"arrowstyle": "-", "color": color, "linewidth": 0.5, "shrinkA": 0.5, "shrinkB": 4} if far else None
        axes.annotate(
            text, (count, error), (x - label.x, y - label.y), textcoords="offset points", arrowprops=leader,
            color=color, fontsize=size, ha="center", va="center", multialignment="left", linespacing=1.1, zorder=6,
        )  # fmt: skip


def _in_points(axes: "Axes", x: float, y: float) -> tuple[float, float]:
    """Where a place in the data is in the picture."""
    across, up = axes.transData.transform((x, y))
    return across * 72.0 / DOTS, up * 72.0 / DOTS


def _measured(axes: "Axes", x: float, y: float, text: str, color: str, size: float) -> Label:
    """The size of a text, with a little air around it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    assert axes.figure is not None
    drawn = axes.text(x, y, text, fontsize=size, color=color, linespacing=1.1)
    extent = drawn.get_window_extent(FigureCanvasAgg(axes.figure).get_renderer())
    drawn.remove()
    return Label(*_in_points(axes, x, y), extent.width * 72.0 / DOTS + 4, extent.height * 72.0 / DOTS + 1)


def _inside(axes: "Axes") -> Box:
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    edge = Box(*_in_points(axes, left, bottom), *_in_points(axes, right, top))
    return Box(edge.left + 2, edge.bottom + 2, edge.right - 2, edge.top - 2)


def _obstacles(axes: "Axes", front: Front) -> list[Box]:
    """What labels must not cover: marks, bars, and the staircase."""
    lowest, found = _lowest(front), []

    def add(left: float, low: float, right: float, high: float, margin: float) -> None:
        first, last = _in_points(axes, left, max(low, lowest)), _in_points(axes, right, max(high, lowest))
        found.append(Box(first[0] - margin, first[1] - margin, last[0] + margin, last[1] + margin))

    for each in (*front.points, *front.published):
        add(each.parameters, each.error, each.parameters, each.error, 3.5)
    for point in front.points:
        low, high = _bar(point, front)
        add(point.parameters, low, point.parameters, high, 1.5)
    best, edge = front.best, axes.get_xlim()[1]
    for index, point in enumerate(best):
        following = best[index + 1] if index + 1 < len(best) else None
        end = edge if following is None else following.parameters
        add(point.parameters, point.error, end, point.error, 1.2)
        if following is not None:
            add(end, following.error, end, point.error, 1.2)
    return found


def _draw_legend(axes: "Axes", front: Front) -> None:
    from matplotlib.lines import Line2D

    def entry(marker: str, label: str, color: str, face: str, size: float, line: float = 0.0) -> Line2D:
        return Line2D(
            [], [], marker=marker, label=label, color=color, markerfacecolor=face, markersize=size, linewidth=line
        )

    entries = [entry("o", "mean over seeds, on the front", OURS, OURS, 5.4, 1.1)]
    if not all(front.on_front):
        entries.append(entry("o", "mean over seeds, not on the front", OURS, "white", 5.4))
    bars = entry("|", "95 % interval of the mean; thin: best to worst seed", OURS, OURS, 8)
    bars.set_markeredgewidth(2.6)
    kinds = {each.kind for each in front.published}
    published = [
        entry(MARKERS[kind], f"published: {text}", THEIRS, "white", 4.6)
        for kind, text in KINDS.items()
        if kind in kinds
    ]
    axes.legend(
        handles=[*entries, bars, *published], loc="upper left", bbox_to_anchor=(-0.02, -0.09), ncols=2, frameon=False,
        fontsize=7.5,
    )  # fmt: skip
