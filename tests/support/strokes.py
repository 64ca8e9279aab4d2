"""The ten digits as a person might draw them: strokes, lists of points in widths of the pad."""

from itertools import pairwise
from math import cos, radians, sin

from tests.support.browser import Page

Point = tuple[float, float]
Stroke = list[Point]


def line(*corners: Point, points: int = 12) -> Stroke:
    """A line from corner to corner, with so many points per side."""
    drawn = [corners[0]]
    for (x, y), (to_x, to_y) in pairwise(corners):
        drawn += [(x + (to_x - x) * part / points, y + (to_y - y) * part / points) for part in range(1, points + 1)]
    return drawn


def arc(x: float, y: float, width: float, height: float, begin: float, end: float, points: int = 24) -> Stroke:
    """Part of an ellipse around (x, y); angles in degrees, 0 to the right and 90 down."""
    angles = [radians(begin + (end - begin) * part / points) for part in range(points + 1)]
    return [(x + width / 2 * cos(angle), y + height / 2 * sin(angle)) for angle in angles]


DIGITS: dict[int, list[Stroke]] = {
    0: [arc(0.5, 0.5, 0.42, 0.62, -90, 270)],
    1: [line((0.52, 0.2), (0.48, 0.8))],
    2: [arc(0.5, 0.34, 0.36, 0.3, -170, 40) + line((0.64, 0.43), (0.32, 0.78), (0.7, 0.76))],
    3: [arc(0.48, 0.34, 0.32, 0.28, -150, 85) + arc(0.47, 0.65, 0.4, 0.34, -85, 150)],
    4: [line((0.36, 0.2), (0.32, 0.54), (0.68, 0.52)), line((0.64, 0.2), (0.6, 0.82))],
    5: [line((0.66, 0.2), (0.4, 0.21), (0.37, 0.46)) + arc(0.47, 0.62, 0.4, 0.34, -110, 150)],
    6: [line((0.6, 0.18), (0.42, 0.42)) + arc(0.5, 0.64, 0.32, 0.3, 190, -170)],
    7: [line((0.3, 0.24), (0.68, 0.22), (0.46, 0.82))],
    8: [arc(0.5, 0.35, 0.28, 0.28, 90, 450) + arc(0.5, 0.65, 0.34, 0.32, -90, 270)],
    9: [arc(0.48, 0.35, 0.3, 0.28, 0, -360) + line((0.63, 0.35), (0.58, 0.82))],
}


def on_pad(page: Page, stroke: Stroke) -> Stroke:
    """Where the points of a stroke are on the screen of an exported page."""
    left, top, width = page.evaluate(
        "(box => [box.left, box.top, box.width])(document.getElementById('pad').getBoundingClientRect())"
    )
    return [(left + x * width, top + y * width) for x, y in stroke]
