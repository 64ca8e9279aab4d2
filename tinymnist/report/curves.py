"""Loss, accuracy and learning rate by epoch, one panel each."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tinymnist.plotting import BLUE, GRID, VERMILION
from tinymnist.report.contents import Metrics
from tinymnist.training.observer import EpochRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Panel = Literal["loss", "accuracy", "learning rate"]

PANELS: tuple[Panel, ...] = ("loss", "accuracy", "learning rate")
ACCURACIES = (0, 50, 80, 90, 95, 98, 99, 99.5, 99.8, 99.9, 99.95)
"""Ticks of the accuracy axis, percent."""
LEAST_ERROR, LEAST_LOSS, MOST = 0.01, 1e-6, 1e6
"""Limits of what a log axis shows: the smallest error in percent, the smallest loss, and the largest loss."""
MOST_LINES = 40
"""Seeds that get their own line; the mean is over all seeds."""


@dataclass(frozen=True)
class Curve:
    """A line of a panel. `value` is NaN where an epoch has none; `name` has a place for what was scored."""

    value: Callable[[EpochRow], float]
    name: str
    colour: str
    style: Literal["-", "--"] = "-"


def draw_panel(axes: "Axes", panel: Panel, metrics: Metrics, scored_on: str, beside: Sequence[Metrics]) -> None:
    """Draws one panel of `metrics`. The axes also have room for the metrics `beside` it, so that panels share a scale
    and can be compared.

    Several seeds are drawn as thin lines, their mean as a thick one, which ends with the seed that stopped first.
    Accuracies are drawn as errors on a log axis, which keeps 99.3 and 99.4 % apart.
    """
    axes.set_title(_TITLES[panel], loc="left", fontsize=9)
    axes.set_xlabel("epoch")
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0)
    curves = _CURVES[panel]
    for curve in curves:
        _draw(axes, metrics, curve, curve.name.format(scored_on))
    if len(curves) > 1:
        axes.legend(frameon=False, fontsize=7.5, loc="best")
    values = [curve.value(row) for each in [metrics, *beside] for rows in each for row in rows for curve in curves]
    known = [value for value in values if not math.isnan(value)]
    _scale(axes, panel, min(known), max(known))
    axes.set_xlim(0, max(len(rows) for each in [metrics, *beside] for rows in each) + 0.5)


def _draw(axes: "Axes", metrics: Metrics, curve: Curve, name: str) -> None:
    lines = [[curve.value(row) for row in rows] for rows in metrics]
    if all(math.isnan(value) for line in lines for value in line):
        return
    longest = max(map(len, metrics))
    marker = "o" if longest < 3 else ""
    style: dict[str, Any] = {"color": curve.colour, "linestyle": curve.style, "marker": marker, "markersize": 3.5}
    if len(lines) > 1:
        for line in lines[:MOST_LINES]:
            axes.plot(range(1, len(line) + 1), line, linewidth=0.6, alpha=0.35, **style)
        lines = [[sum(values) / len(values) for values in zip(*lines, strict=False)]]
    axes.plot(range(1, len(lines[0]) + 1), lines[0], linewidth=1.4, label=name, **style)


def _loss(loss: float) -> float:
    return min(max(loss, LEAST_LOSS), MOST)


def _error(accuracy: float | None) -> float:
    if accuracy is None:
        return math.nan
    return min(max(100.0 - accuracy, LEAST_ERROR), 100.0)


_TITLES: dict[Panel, str] = {
    "loss": "Loss (nats per image)",
    "accuracy": "Accuracy, %",
    "learning rate": "Learning rate",
}
_CURVES: dict[Panel, tuple[Curve, ...]] = {
    "loss": (
        Curve(lambda row: _loss(row.train_loss), "training, augmented", VERMILION),
        Curve(lambda row: _loss(row.eval_loss), "{}", BLUE),
    ),
    "accuracy": (
        Curve(lambda row: _error(row.train_accuracy), "training, augmented", VERMILION),
        Curve(lambda row: _error(row.clean_train_accuracy), "training images, not augmented", VERMILION, "--"),
        Curve(lambda row: _error(row.eval_accuracy), "{}", BLUE),
    ),
    "learning rate": (Curve(lambda row: min(row.lr, MOST), "learning rate", BLUE),),
}


def _scale(axes: "Axes", panel: Panel, low: float, high: float) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    if panel == "learning rate":
        axes.set_ylim(0, 1.08 * high or 1)
        return
    axes.set_yscale("log")
    if panel == "loss":
        axes.set_ylim(low / 1.3, high * 1.3)
        ticks = [each for each in _one_two_five() if low / 1.3 <= each <= high * 1.3]
        labels = FuncFormatter(lambda value, _: f"{value:g}")
    else:
        axes.set_ylim(min(110.0, high * 1.3), low / 1.3)  # upside down: the best is on top
        ticks = [100.0 - each for each in ACCURACIES if low / 1.3 <= 100.0 - each <= high * 1.3]
        labels = FuncFormatter(lambda value, _: f"{100 - value:g}" if value <= 100 else "")
    axes.yaxis.set_major_locator(FixedLocator(ticks) if len(ticks) > 2 else MaxNLocator(4))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(labels)


def _one_two_five() -> Iterator[float]:
    return (float(f"{digit}e{power}") for power in range(-8, 8) for digit in (1, 2, 5))
