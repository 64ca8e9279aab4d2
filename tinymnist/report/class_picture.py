"""The picture of a class: the accuracy of each network against its parameters."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tinymnist.plotting import BLUE, INK, VERMILION, can_draw, constrained_figure, picture_bytes, picture_settings
from tinymnist.report.scales import count_plainly, plain_axes, scale_errors, shown_error

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 6.4, 4.2
"""Inches."""
MOST_NAMES = 30
"""With more networks than this on the front, marks have no names."""

Mark = tuple[str, int, float]
"""What a network is called, its parameters, and its accuracy in percent."""


def class_picture(networks: Sequence[Mark], front: Sequence[Mark], target: float, most: int | None) -> bytes:
    """Draws all `networks`, with names those on the `front`, as an SVG; lines show what was asked: accuracy `target`
    and at most `most` parameters."""
    others = [each for each in networks if each not in front]
    with picture_settings():
        figure = constrained_figure(WIDTH, HEIGHT)
        axes = figure.subplots()
        for marks, face, words in ((others, "white", "another is smaller and as good"), (front, BLUE, "on the front")):
            if marks:
                places = [(parameters, shown_error(accuracy)) for _, parameters, accuracy in marks]
                axes.plot(
                    *zip(*places, strict=True),
                    "o",
                    label=words,
                    markerfacecolor=face,
                    markeredgecolor=BLUE,
                    markersize=5,
                )
        errors = [shown_error(accuracy) for _, _, accuracy in networks]
        axes.axhline(shown_error(target), color=VERMILION, linewidth=1, linestyle="--", label=f"asked: {target:g} %")
        counts = [parameters for _, parameters, _ in networks]
        if most is not None and most < 3 * max(counts):
            axes.axvline(most, color=VERMILION, linewidth=1, linestyle=":", label=f"asked: {most:,} parameters")
        if max(counts) > 5 * min(counts):
            axes.set_xscale("log")
        plain_axes(axes)
        scale_errors(axes, min(*errors, shown_error(target)), max(*errors, shown_error(target)))
        count_plainly(axes)
        axes.set_xlabel("parameters")
        axes.set_title("Accuracy, %", loc="left", fontsize=9)
        if len(front) <= MOST_NAMES:
            _name(axes, front)
        figure.legend(loc="outside lower left", ncols=2, frameon=False, fontsize=7.5)
    return picture_bytes(figure, "svg")


def _name(axes: "Axes", front: Sequence[Mark]) -> None:
    for name, parameters, accuracy in front:
        if can_draw(name):
            place = (parameters, shown_error(accuracy))
            axes.annotate(name[:24], place, (4, 4), textcoords="offset points", fontsize=7.5, color=INK)
