"""Loss, accuracy and learning rate by epoch, one panel each."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tinymnist.plotting import BLUE, VERMILION
from tinymnist.report.contents import Metrics
from tinymnist.report.scales import MOST, plain_axes, scale_errors, scale_losses, shown_error, shown_loss
from tinymnist.training.observer import EpochRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Panel = Literal["loss", "accuracy", "learning rate"]

PANELS: tuple[Panel, ...] = ("loss", "accuracy", "learning rate")
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
    plain_axes(axes)
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


_TITLES: dict[Panel, str] = {
    "loss": "Loss (nats per image)",
    "accuracy": "Accuracy, %",
    "learning rate": "Learning rate",
}
_CURVES: dict[Panel, tuple[Curve, ...]] = {
    "loss": (
        Curve(lambda row: shown_loss(row.train_loss), "training, augmented", VERMILION),
        Curve(lambda row: shown_loss(row.eval_loss), "{}", BLUE),
    ),
    "accuracy": (
        Curve(lambda row: shown_error(row.train_accuracy), "training, augmented", VERMILION),
        Curve(lambda row: shown_error(row.clean_train_accuracy), "training images, not augmented", VERMILION, "--"),
        Curve(lambda row: shown_error(row.eval_accuracy), "{}", BLUE),
    ),
    "learning rate": (Curve(lambda row: min(row.lr, MOST), "learning rate", BLUE),),
}


def _scale(axes: "Axes", panel: Panel, low: float, high: float) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    if panel == "learning rate":
        axes.set_ylim(0, 1.08 * high or 1)
        return
    if panel == "loss":
        scale_losses(axes, low, high)
    else:
        scale_errors(axes, low, high)
