"""Where the marks of the picture are, and its size, colours and shapes. Does not import matplotlib."""

from tinymnist.front.points import Front, Point
from tinymnist.front.published import Kind
from tinymnist.plotting import BLUE, VERMILION
from tinymnist.statistics import Interval

WIDTH, HEIGHT = 8.4, 5.9
"""Inches. At 800 pixels wide, the text is nearly as large as that of a page around it."""
OURS, THEIRS = BLUE, VERMILION
"""Colours; marks differ in shape too."""
MARKERS: dict[Kind, str] = {"mean": "s", "one run": "D", "chosen": "^"}

Mark = tuple[float, float]
"""A place in the data: parameters, and error in percent."""


def lowest(front: Front) -> float:
    """Half an image in percent, which stands for no error on a log axis."""
    return 50.0 / front.images


def mark(point: Point, front: Front) -> Mark:
    return float(point.parameters), max(point.error, lowest(front))


def marks(front: Front) -> list[Mark]:
    """Every mark: those of the points, then those of the published figures."""
    return [mark(point, front) for point in front.points] + [
        (float(each.parameters), each.error) for each in front.published
    ]


def bars(point: Point, front: Front) -> tuple[Interval, Interval]:
    """The ends of a point's two bars, in percent: its best and worst seed, and the 95 % interval of its mean."""
    floor = lowest(front)
    (best, worst), (low, high) = point.error_range, point.error_interval or point.error_range
    return (max(best, floor), max(worst, floor)), (max(low, floor), max(high, floor))


def stairs(front: Front, edge: float) -> list[Mark]:
    """The corners of the staircase: the best mean error for at most so many parameters, up to `edge` parameters."""
    best = [mark(point, front) for point in front.best]
    corners = [best[0]]
    for count, error in best[1:]:
        corners += [(count, corners[-1][1]), (count, error)]
    return [*corners, (edge, corners[-1][1])]
