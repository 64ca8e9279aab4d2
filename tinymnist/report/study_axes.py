"""Parallel coordinates of a search: one line for each network, through its value on every axis."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinymnist.plotting import BLUE, INK, VERMILION, constrained_figure, picture_bytes, picture_settings
from tinymnist.report.pictures import drawn_names
from tinymnist.report.scales import shown_figure
from tinymnist.report.study_contents import StudyContents
from tinymnist.report.study_words import plain_option
from tinymnist.search.space import Axis, Value
from tinymnist.search.trials import Trial
from tinymnist.text import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, ROW = 4.4, 0.58
"""Inches: the width of the picture, and the distance of its axes, which lie below one another."""
MOST_AXES = 30
"""Axes that are drawn."""
MOST_BEST, MOST_OTHERS = 30, 400
"""Lines that are drawn of the best networks and, evenly spaced, of the others: with more, nothing can be seen."""
BEST_SHARE = 0.1
"""The part of the networks that are called the best here."""
POOR = "#DDE6EC"
NAME = 48
"""Characters of an axis's name at most."""
CHARACTER = 0.07
"""Inches; about the width of a character of a label."""
APART = 0.14
"""The least distance of two numbers on an axis, as a part of its length."""

Tick = tuple[float, str]


@dataclass(frozen=True)
class Row:
    """An axis as it is drawn: where each network crosses it, from 0 on the left to 1, and its labels."""

    name: str
    places: Sequence[float]
    ticks: Sequence[Tick]


def axes_picture(contents: StudyContents) -> bytes:
    """Draws the axes and, as the last of them, how good each network was after its first training, as an SVG. The best
    stand out; of the others the better, the stronger the blue."""
    trials = sorted(contents.trained, key=lambda trial: _height(contents, trial), reverse=True)
    axes_drawn = contents.study.file.space.axes[:MOST_AXES]
    names = drawn_names([axis.key for axis in axes_drawn], NAME)
    rows = [
        _row(axis, name, [trial.values[axis.key] for trial in trials])
        for axis, name in zip(axes_drawn, names, strict=True)
    ]
    rows.append(_goodness(contents, [_height(contents, trial) for trial in trials]))
    with picture_settings():
        figure = constrained_figure(WIDTH, ROW * len(rows) + 0.3)
        axes = figure.subplots()
        axes.set_axis_off()
        _draw_lines(axes, rows)
        for height, row in enumerate(rows):
            _draw_row(axes, row, -float(height))
        axes.set(xlim=(-0.03, 1.03), ylim=(-len(rows) + 0.5, 0.45))
    return picture_bytes(figure, "svg")


def _height(contents: StudyContents, trial: Trial) -> float:
    return shown_figure(contents.goodness(trial.rungs[0]), contents.by_loss)


def _row(axis: Axis, name: str, values: Sequence[Value]) -> Row:
    """An axis of the search. Within an option of a choice, the better a network the further to the right."""
    dimension = axis.dimension
    if dimension.choice is not None:
        options = list(axis.options)
        numbers = {option: number for number, option in enumerate(options)}
        spread = [0.6 * (rank + 0.5) / len(values) - 0.3 for rank in range(len(values))]
        places = [
            (numbers[str(value)] + 0.5 + aside) / len(options) for value, aside in zip(values, spread, strict=True)
        ]
        limit = max(6, round(WIDTH / len(options) / CHARACTER))
        labels = drawn_names([plain_option(option) for option in options], limit)
        shown = -(-len(options) * 6 * CHARACTER // WIDTH)
        ticks = [((number + 0.5) / len(options), label) for number, label in enumerate(labels) if number % shown == 0]
        return Row(name, places, ticks)
    low, high = (float(end) for end in axis.ends)
    if low == high:
        return Row(name, [0.5] * len(values), [(0.5, f"{low:g}")])
    is_log = dimension.log is not None

    def place(value: float) -> float:
        return math.log(value / low) / math.log(high / low) if is_log else (value - low) / (high - low)

    ticks = [
        (place(number), f"{number:g}") for number in _round_numbers(low, high, is_log, dimension.whole is not None)
    ]
    inner: list[Tick] = [(0.0, f"{low:g}")]
    for tick in ticks:
        if inner[-1][0] + APART < tick[0] < 1 - APART:
            inner.append(tick)
    return Row(name, [place(float(value)) for value in values], [*inner, (1.0, f"{high:g}")])


def _goodness(contents: StudyContents, shown: Sequence[float]) -> Row:
    """The figures after the first training, best on the right; `shown` is in order, poorest first."""
    poorest, best = math.log(shown[0]), math.log(shown[-1])
    places = [1.0 if poorest == best else (math.log(each) - poorest) / (best - poorest) for each in shown]
    chosen = sorted({0, len(shown) // 2, len(shown) - 1})
    labels = [f"{shown[each]:.3g}" if contents.by_loss else f"{100 - shown[each]:.2f} %" for each in chosen]
    ticks = [(places[each], label) for each, label in zip(chosen, labels, strict=True)]
    apart = [tick for tick in ticks if tick[0] in (0.0, 1.0) or 0.15 < tick[0] < 0.85]
    epochs = contents.study.file.search.rungs[0].epochs
    return Row(f"{'loss' if contents.by_loss else 'accuracy'} after {counted(epochs, 'epoch')}", places, apart)


def _round_numbers(low: float, high: float, is_log: bool, is_whole: bool) -> Sequence[float]:
    from matplotlib.ticker import LogLocator, MaxNLocator

    if is_log:
        return [
            each for each in LogLocator(subs=(1.0, 2.0, 5.0), numticks=8).tick_values(low, high) if low < each < high
        ]
    return [each for each in MaxNLocator(7, integer=is_whole).tick_values(low, high) if low < each < high]


def _draw_lines(axes: "Axes", rows: Sequence[Row]) -> None:
    from matplotlib.collections import LineCollection
    from matplotlib.colors import LinearSegmentedColormap

    lines = [
        [(place, -height) for height, place in enumerate(places)]
        for places in zip(*(row.places for row in rows), strict=True)
    ]
    best = best_count(len(lines))
    others = lines[: len(lines) - best]
    others = others[:: -(-len(others) // MOST_OTHERS) or 1]
    colours = LinearSegmentedColormap.from_list("goodness", [POOR, BLUE])
    shades = [colours(rank / max(1, len(others) - 1)) for rank in range(len(others))]
    axes.add_collection(LineCollection(others, colors=shades, linewidths=0.7))
    axes.add_collection(LineCollection(lines[len(lines) - best :], colors=VERMILION, linewidths=1.1))


def best_count(networks: int) -> int:
    """How many of so many networks stand out."""
    return min(MOST_BEST, math.ceil(BEST_SHARE * networks))


def _draw_row(axes: "Axes", row: Row, height: float) -> None:
    behind = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.6}
    axes.plot([0, 1], [height, height], color=INK, linewidth=0.8)
    axes.text(0, height + 0.1, row.name, ha="left", va="bottom", fontsize=8, fontweight="bold", bbox=behind)
    for place, label in row.ticks:
        side = "left" if place < 0.02 else "right" if place > 0.98 else "center"
        axes.plot([place, place], [height - 0.05, height + 0.05], color=INK, linewidth=0.8)
        axes.text(place, height - 0.1, label, ha=side, va="top", fontsize=7.5, bbox=behind)
