"""Log axes of losses and of accuracies. An accuracy is drawn as its error, which keeps 99.3 and 99.4 % apart."""

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tinymnist.plotting import GRID

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ACCURACIES = (0, 50, 80, 90, 95, 98, 99, 99.5, 99.8, 99.9, 99.95)
"""Ticks of the accuracy axis, percent."""
LEAST_ERROR, LEAST_LOSS, MOST = 0.01, 1e-6, 1e6
"""Limits of what a log axis shows: the smallest error in percent, the smallest loss, and the largest loss."""


def shown_loss(loss: float) -> float:
    """The loss within what an axis shows."""
    return min(max(loss, LEAST_LOSS), MOST)


def shown_error(accuracy: float | None) -> float:
    """The error in percent within what an axis shows; NaN where there is no accuracy."""
    if accuracy is None:
        return math.nan
    return min(max(100.0 - accuracy, LEAST_ERROR), 100.0)


def shown_figure(figure: float, is_loss: bool) -> float:
    """A loss, or an accuracy as its error: the less the better."""
    return shown_loss(figure) if is_loss else shown_error(figure)


def plain_axes(axes: "Axes") -> None:
    """A light grid, and no frame."""
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0)


def scale_losses(axes: "Axes", low: float, high: float) -> None:
    """Makes the y-axis one of losses, with room for those from `low` to `high`."""
    axes.set_yscale("log")
    axes.set_ylim(low / 1.3, high * 1.3)
    _mark(axes, [each for each in _one_two_five() if low / 1.3 <= each <= high * 1.3], lambda value: f"{value:g}")


def scale_errors(axes: "Axes", low: float, high: float) -> None:
    """Makes the y-axis one of errors, with room for those from `low` to `high`, upside down: the best is on top. Its
    labels are accuracies."""
    axes.set_yscale("log")
    axes.set_ylim(min(110.0, high * 1.3), low / 1.3)
    ticks = [100.0 - each for each in ACCURACIES if low / 1.3 <= 100.0 - each <= high * 1.3]
    _mark(axes, ticks, lambda value: f"{100 - value:g}" if value <= 100 else "")


def count_plainly(axes: "Axes") -> None:
    """Labels the x-axis with plain numbers, few enough not to touch."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    is_log = axes.get_xscale() == "log"
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)) if is_log else MaxNLocator(5))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def _mark(axes: "Axes", ticks: list[float], label: Callable[[float], str]) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    axes.yaxis.set_major_locator(FixedLocator(ticks) if len(ticks) > 2 else MaxNLocator(4))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: label(value)))


def _one_two_five() -> Iterator[float]:
    return (float(f"{digit}e{power}") for power in range(-8, 8) for digit in (1, 2, 5))
