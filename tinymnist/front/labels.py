"""Places labels beside their marks, clear of one another and of what is drawn.

Only geometry: every length is in points, 1/72 inch, and y grows upwards.
"""

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

DISTANCES = (5.0, 9.0, 14.0, 20.0, 28.0, 38.0, 50.0, 64.0, 80.0)
"""Distances tried from the mark to the nearest edge of the label's box."""
DIRECTIONS = 24
KEPT = 80
"""Places of a label that are considered: those with the least in their way."""
LEADER = 12.0
"""At this distance or more, a label needs a line to its mark."""
HOT, COLD, STEPS = 100.0, 1.0, 800
"""Temperatures of the annealing at its start and end, in units of cost, and its steps per label."""

XY = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def centre(self) -> XY:
        return (self.left + self.right) / 2, (self.bottom + self.top) / 2

    def overlap(self, other: "Box") -> float:
        """The area that both boxes cover."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(0.0, width) * max(0.0, height)

    def holds(self, x: float, y: float) -> bool:
        return self.left < x < self.right and self.bottom < y < self.top

    def around(self, points: Iterable[XY]) -> "Box":
        """The smallest box that covers this one and the points."""
        xs, ys = zip((self.left, self.bottom), (self.right, self.top), *points, strict=True)
        return Box(min(xs), min(ys), max(xs), max(ys))

    def distance(self, x: float, y: float) -> float:
        """Distance from a point to the nearest edge; 0 inside."""
        return math.hypot(max(self.left - x, 0.0, x - self.right), max(self.bottom - y, 0.0, y - self.top))


@dataclass(frozen=True, slots=True)
class Label:
    """A label to be placed: the position of its mark, and its size."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class _Place:
    box: Box
    leader: tuple[XY, ...]
    """Points along the line from the mark to the label; none if it is near."""
    reach: Box
    """The box around the label and its line."""
    cost: float
    """Cost of the place without other labels."""


def place(labels: Sequence[Label], obstacles: Sequence[Box], inside: Box) -> list[Box]:
    """Gives each label a box within `inside`, as near its mark as the other labels and the `obstacles` allow.

    Uses simulated annealing, the best of the methods in J. Christensen, J. Marks and S. Shieber 1995, ACM Transactions
    on Graphics 14:203. The same input gives the same places.
    """
    options = [
        sorted(_places(label, labels, obstacles, inside), key=lambda option: option.cost)[:KEPT] for label in labels
    ]
    chosen = [places[0] for places in options]
    rng, steps = random.Random(0), STEPS * len(labels)
    for step in range(steps):
        borne = HOT * (COLD / HOT) ** (step / steps)
        index = int(rng.random() * len(labels))
        new = options[index][int(rng.random() * len(options[index]))]
        worse = _cost(new, index, chosen) - _cost(chosen[index], index, chosen)
        if worse <= 0 or rng.random() < math.exp(-worse / borne):
            chosen[index] = new
    for index, places in enumerate(options):
        costs = [_cost(option, index, chosen) for option in places]
        chosen[index] = places[costs.index(min(costs))]
    return [each.box for each in chosen]


def _cost(option: _Place, index: int, chosen: Sequence[_Place]) -> float:
    """Cost of a place for the label `index`, given the `chosen` places of the others."""
    return option.cost + sum(_clash(option, other) for number, other in enumerate(chosen) if number != index)


def _clash(a: _Place, b: _Place) -> float:
    if not a.reach.overlap(b.reach):
        return 0.0
    crossing = sum(b.box.holds(*point) for point in a.leader) + sum(a.box.holds(*point) for point in b.leader)
    return 5 * a.box.overlap(b.box) + 60 * crossing + 60 * _cross(a.leader, b.leader)


def _cross(a: tuple[XY, ...], b: tuple[XY, ...]) -> bool:
    """Whether two lines cross."""
    if not a or not b:
        return False

    def side(start: XY, end: XY, point: XY) -> bool:
        across, up = end[0] - start[0], end[1] - start[1]
        return across * (point[1] - start[1]) > up * (point[0] - start[0])

    return side(a[0], a[-1], b[0]) != side(a[0], a[-1], b[-1]) and side(b[0], b[-1], a[0]) != side(b[0], b[-1], a[-1])


def _places(label: Label, labels: Sequence[Label], obstacles: Sequence[Box], inside: Box) -> Iterator[_Place]:
    """Places around the mark, the nearest first; those that would stick out of `inside` are pushed into it."""
    half_width, half_height = label.width / 2, label.height / 2
    others = [(other.x, other.y) for other in labels if (other.x, other.y) != (label.x, label.y)]
    for distance in DISTANCES:
        for step in range(DIRECTIONS):
            angle = 2 * math.pi * step / DIRECTIONS
            x = label.x + math.cos(angle) * (half_width + distance)
            y = label.y + math.sin(angle) * (half_height + distance)
            x = min(max(x, inside.left + half_width), inside.right - half_width)
            y = min(max(y, inside.bottom + half_height), inside.top - half_height)
            box = Box(x - half_width, y - half_height, x + half_width, y + half_height)
            leader, away = _leader(label, box), box.distance(label.x, label.y)
            reach = box.around(leader)
            near = [obstacle for obstacle in obstacles if obstacle.overlap(reach)]
            cost = away + 3 * sum(box.overlap(obstacle) for obstacle in near)
            cost += 30 * sum(obstacle.holds(*point) for obstacle in near for point in leader)
            cost += 200 * box.holds(label.x, label.y)
            if not leader:
                cost += 12 * sum(
                    box.distance(*other) < away + 6 for other in others
                )  # could it belong to another mark?
            yield _Place(box, leader, reach, cost)


def _leader(label: Label, box: Box) -> tuple[XY, ...]:
    if box.distance(label.x, label.y) < LEADER:
        return ()
    (x, y), steps = box.centre, 24
    points = [(label.x + (x - label.x) * step / steps, label.y + (y - label.y) * step / steps) for step in range(steps)]
    return tuple(
        point for point in points if not box.holds(*point) and math.hypot(point[0] - label.x, point[1] - label.y) > 6
    )
