"""Draws the Pareto front: parameters and test error on log axes. Only this module and `annotation` draw."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tinymnist.errors import UsageError
from tinymnist.files import write_atomically
from tinymnist.front.annotation import annotate
from tinymnist.front.marks import HEIGHT, MARKERS, OURS, THEIRS, WIDTH, bars, mark, marks, stairs
from tinymnist.front.points import Front
from tinymnist.front.published import KINDS
from tinymnist.plotting import GRID, Format, picture_bytes, picture_settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

FORMATS: tuple[Format, ...] = ("svg", "png", "pdf")
COUNTS, ERRORS = (1, 2, 3, 5, 7), (1, 1.5, 2, 3, 4, 5, 6, 8)
"""Leading digits of the ticks; fewer if that makes more than `TICKS`."""
TICKS = 10


def picture_format(path: str | Path) -> Format:
    """The format by the extension. Raises `UsageError` for any that is not in `FORMATS`."""
    extension = Path(path).suffix.removeprefix(".").lower()
    for known in FORMATS:
        if extension == known:
            return known
    raise UsageError(f"{path}: expects a name that ends in .svg, .png or .pdf")


def write_picture(front: Front, path: str | Path) -> None:
    """Draws the front to a file that appears whole or not at all; the same front and version of matplotlib give the
    same bytes.

    Raises `UsageError` for another format, and `DataError` if it cannot write.
    """
    kind = picture_format(path)
    write_atomically(path, picture_bytes(draw(front), kind))


def draw(front: Front) -> "Figure":
    """Draws the picture without a window."""
    with picture_settings():
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure((WIDTH, HEIGHT), facecolor="white")
        FigureCanvasAgg(figure)  # measures the texts
        axes = figure.add_axes((0.07, 0.175, 0.85, 0.77))
        _scale(axes, front)
        _draw_marks(axes, front)
        annotate(axes, front)
        _draw_legend(axes, front)
        return figure


def _scale(axes: "Axes", front: Front) -> None:
    """Sets log axes with ticks at round numbers: errors on the left, the same as accuracies on the right."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    counts, errors = zip(*marks(front), strict=True)
    ends = [end for point in front.points for bar in bars(point, front) for end in bar]
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(min(counts) / 1.45, max(counts) * 1.4)
    axes.set_ylim(  # a bar may end beyond: with two seeds it is very long
        max(min(errors) / 1.5, min(min(errors) / 1.25, min(ends) / 1.1)),
        min(max(errors) * 1.5, max(max(errors) * 1.25, max(ends) * 1.1)),
    )
    right = axes.twinx()
    right.set_yscale("log")
    right.set_ylim(axes.get_ylim())
    for axis, ticks, text in (
        (axes.xaxis, _round_numbers(*axes.get_xlim(), COUNTS), lambda value, _: f"{value:,.0f}"),
        (axes.yaxis, _round_numbers(*axes.get_ylim(), ERRORS), lambda value, _: f"{value:g}"),
        (right.yaxis, _round_numbers(*axes.get_ylim(), ERRORS), lambda value, _: f"{100 - value:.6g}"),
    ):
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(text))
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel("parameters")
    axes.set_ylabel("test error, %")
    right.set_ylabel("accuracy, %", rotation=270, labelpad=12)
    for each in (axes, right):
        each.spines["top"].set_visible(False)
        each.tick_params(length=0)
    axes.set_title(f"Accuracy and parameters of small networks, on {front.scored_on}", loc="left", fontsize=9.5)


def _round_numbers(low: float, high: float, digits: Sequence[float]) -> list[float]:
    for leading in (digits, (1, 2, 5), (1,)):
        values = [float(f"{digit}e{power}") for power in range(-4, 12) for digit in leading]
        inside = [value for value in values if low <= value <= high]
        if len(inside) <= TICKS:
            break
    return inside


def _draw_marks(axes: "Axes", front: Front) -> None:
    """Draws the staircase, the published figures, and for each point the mean, the 95 % interval as a thick bar, and
    the range from best to worst seed as a thin one."""
    axes.plot(*zip(*stairs(front, axes.get_xlim()[1]), strict=True), color=OURS, linewidth=1.1)
    for point, on_front in zip(front.points, front.on_front, strict=True):
        for (low, high), width in zip(bars(point, front), (0.8, 2.6), strict=True):
            axes.vlines(point.parameters, low, high, color=OURS, linewidth=width, zorder=4)
        axes.plot(*mark(point, front), "o", color=OURS, mfc=OURS if on_front else "white", ms=5.4, zorder=5)
    for each in front.published:
        axes.plot(each.parameters, each.error, MARKERS[each.kind], color=THEIRS, mfc="white", ms=4.6, zorder=6)


def _draw_legend(axes: "Axes", front: Front) -> None:
    entries = [_entry("o", "mean over seeds, on the Pareto front", OURS, OURS, 5.4)]
    entries[0].set_linewidth(1.1)
    if not all(front.on_front):
        entries.append(_entry("o", "mean over seeds, not on the Pareto front", OURS, "white", 5.4))
    entries.append(_entry("|", "95 % interval of the mean; thin: best to worst seed", OURS, OURS, 8))
    entries[-1].set_markeredgewidth(2.6)
    kinds = {each.kind for each in front.published}
    for kind, text in KINDS.items():
        if kind in kinds:
            entries.append(_entry(MARKERS[kind], f"published: {text}", THEIRS, "white", 4.6))
    axes.legend(handles=entries, loc="upper left", bbox_to_anchor=(-0.02, -0.09), ncols=2, frameon=False, fontsize=7.5)


def _entry(marker: str, label: str, color: str, face: str, size: float) -> "Line2D":
    from matplotlib.lines import Line2D

    return Line2D([], [], marker=marker, label=label, color=color, mfc=face, ms=size, linewidth=0)
