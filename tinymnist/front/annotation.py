"""Writes names and figures beside the marks of the picture."""

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tinymnist.front.labels import LEADER, Box, Label, place
from tinymnist.front.marks import OURS, THEIRS, Mark, bars, mark, marks, stairs
from tinymnist.front.points import Front
from tinymnist.plotting import DOTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MANY = 14
"""With more points than this, only those on the Pareto front are named."""
POINTS = 72.0 / DOTS
"""Points, 1/72 inch, per dot."""


@dataclass(frozen=True, slots=True)
class _Text:
    mark: Mark
    text: str
    color: str
    size: float

    @property
    def look(self) -> dict[str, Any]:
        return {"color": self.color, "fontsize": self.size, "linespacing": 1.1}


def annotate(axes: "Axes", front: Front) -> None:
    """Writes the texts clear of one another and of what is drawn, with a line to any mark that is not near."""
    texts = _texts(front)
    labels = [_measured(axes, text) for text in texts]
    for text, label, box in zip(texts, labels, place(labels, _obstacles(axes, front), _inside(axes)), strict=True):
        (x, y), leader = box.centre, None
        if box.distance(label.x, label.y) >= LEADER:
            leader = {"arrowstyle": "-", "color": text.color, "linewidth": 0.5, "shrinkA": 0.5, "shrinkB": 4}
        axes.annotate(
            text.text,
            text.mark,
            (x - label.x, y - label.y),
            textcoords="offset points",
            arrowprops=leader,
            ha="center",
            va="center",
            multialignment="left",
            zorder=7,
            **text.look,
        )


def _texts(front: Front) -> list[_Text]:
    points = front.points if len(front.points) <= MANY else front.best
    texts = [
        _Text(mark(point, front), f"{point.name}, {point.parameters:,}\n{point.figures}", OURS, 8.0) for point in points
    ]
    for each in front.published:
        texts.append(_Text((each.parameters, each.error), f"{each.who}\n{each.figures}", THEIRS, 7.0))
    return texts


def _measured(axes: "Axes", text: _Text) -> Label:
    """A label as large as the text, with a little space around it."""
    drawn = axes.text(*text.mark, text.text, **text.look)
    extent = drawn.get_window_extent()
    drawn.remove()
    return Label(*_in_points(axes, text.mark), extent.width * POINTS + 4, extent.height * POINTS + 1)


def _in_points(axes: "Axes", place: Mark) -> tuple[float, float]:
    """Position in the picture, in points, of a place in the data."""
    across, up = axes.transData.transform(place)
    return float(across) * POINTS, float(up) * POINTS


def _inside(axes: "Axes") -> Box:
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    return _box(axes, (left, bottom), (right, top), -2)


def _box(axes: "Axes", first: Mark, last: Mark, margin: float) -> Box:
    """The box around the line between two places in the data, with `margin` points more on each side."""
    (x, y), (u, v) = _in_points(axes, first), _in_points(axes, last)
    return Box(min(x, u) - margin, min(y, v) - margin, max(x, u) + margin, max(y, v) + margin)


def _obstacles(axes: "Axes", front: Front) -> list[Box]:
    """What labels must not cover: marks, bars and the staircase."""
    found = [_box(axes, each, each, 3.5) for each in marks(front)]
    for point in front.points:
        for low, high in bars(point, front):
            found.append(_box(axes, (point.parameters, low), (point.parameters, high), 1.5))
    steps = pairwise(stairs(front, axes.get_xlim()[1]))
    return found + [_box(axes, first, last, 1.2) for first, last in steps]
