"""Where labels go: beside their marks, clear of one another and of what is drawn.

Plain geometry; every length is in points, 1/72 inch, and y grows upwards.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

DISTANCES = (5.0, 9.0, 14.0, 20.0, 28.0, 38.0, 50.0, 64.0, 80.0)
"""From the mark to the nearest edge of the label's box."""
DIRECTIONS = 24
LEADER = 12.0
"""From this distance on a label needs a line to its mark."""
SWEEPS = 30


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def centre(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.bottom + self.top) / 2

    def overlap(self, other: "Box") -> float:
        """The area that both cover."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(0.0, width) * max(0.0, height)

    def holds(self, x: float, y: float) -> bool:
        return self.left < x < self.right and self.bottom < y < self.top

    def distance(self, x: float, y: float) -> float:
        """From a point outside to the nearest edge; 0 inside."""
        return math.hypot(max(self.left - x, 0.0, x - self.right), max(self.bottom - y, 0.0, y - self.top))


@dataclass(frozen=True, slots=True)
class Label:
    """What is to be placed: the mark that it belongs to, and its size."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class _Place:
    box: Box
    leader: tuple[tuple[float, float], ...]
    """Points along the line from the mark to the label."""
    cost: float
    """Of the place alone."""


def place(labels: Sequence[Label], obstacles: Sequence[Box], inside: Box) -> list[Box]:
    """A box for each label within `inside`, as near its mark as the other labels and the `obstacles` let it be.

    Each label in turn takes the cheapest of its places, until none moves (iterated conditional modes, J. Besag 1986,
    JRSS B 48:259); the same input gives the same places.
    """
    places = [list(_places(label, labels, obstacles, inside)) for label in labels]
    chosen: list[_Place | None] = [None] * len(labels)
    for _ in range(SWEEPS):
        before = list(chosen)
        for index, options in enumerate(places):
            others = [other for number, other in enumerate(chosen) if other is not None and number != index]
            chosen[index] = min(
                options, key=lambda option: option.cost + sum(_clash(option, other) for other in others)
            )
        if chosen == before:
            break
    return [each.box for each in chosen if each is not None]


def _places(label: Label, labels: Sequence[Label], obstacles: Sequence[Box], inside: Box) -> Iterator[_Place]:
    """From the right of the mark around it, near ones first; pushed inside where they would stick out."""
    others = [(other.x, other.y) for other in labels if (other.x, other.y) != (label.x, label.y)]
    for distance in DISTANCES:
        for step in range(DIRECTIONS):
            angle = 2 * math.pi * step / DIRECTIONS
            x = label.x + math.cos(angle) * (label.width / 2 + distance)
            y = label.y + math.sin(angle) * (label.height / 2 + distance)
            x = min(max(x, inside.left + label.width / 2), inside.right - label.width / 2)
            y = min(max(y, inside.bottom + label.height / 2), inside.top - label.height / 2)
            half_width, half_height = label.width / 2, label.height / 2
            box = Box(x - half_width, y - half_height, x + half_width, y + half_height)
            leader, away = _leader(label, box), box.distance(label.x, label.y)
            cost = away + 3 * sum(box.overlap(obstacle) for obstacle in obstacles)
            cost += 15 * sum(obstacle.holds(*point) for obstacle in obstacles for point in leader)
            cost += 200 * box.holds(label.x, label.y)
            if not leader:
                cost += 12 * sum(box.distance(*other) < away + 6 for other in others)  # whose is it?
            yield _Place(box, leader, cost)


def _leader(label: Label, box: Box) -> tuple[tuple[float, float], ...]:
    if box.distance(label.x, label.y) < LEADER:
        return ()
    (x, y), steps = box.centre, 24
    points = [(label.x + (x - label.x) * step / steps, label.y + (y - label.y) * step / steps) for step in range(steps)]
    return tuple(
        point for point in points if not box.holds(*point) and math.hypot(point[0] - label.x, point[1] - label.y) > 6
    )


def _clash(a: _Place, b: _Place) -> float:
    crossing = sum(b.box.holds(*point) for point in a.leader) + sum(a.box.holds(*point) for point in b.leader)
    return 5 * a.box.overlap(b.box) + 40 * crossing
