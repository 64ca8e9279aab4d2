"""Digits in other hands than MNIST's, drawn by code: in fonts, and with pens of many widths.

All are dark on white, (H, W) uint8, with their labels.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Drawing = tuple[NDArray[np.uint8], int]

FONTS = [
    *(f"DejaVu{kind}.ttf" for kind in ("Sans", "Sans-Bold", "Sans-Oblique", "SansMono", "SansMono-Bold")),
    *(f"DejaVu{kind}.ttf" for kind in ("Serif", "Serif-Bold", "Serif-Italic")),
    *(f"STIXGeneral{kind}.ttf" for kind in ("", "Bol", "Italic", "BolIta")),
    *(f"cm{kind}10.ttf" for kind in ("r", "b", "ss", "tt")),
]
"""Fonts that come with Matplotlib and have digits of equal height."""

STROKES = {
    0: ["50,0 10,10 0,50 10,90 50,100 90,90 100,50 90,10 50,0"],
    1: ["50,0 50,50 50,100", "25,30 55,0 | 55,0 55,50 55,100"],
    2: ["5,25 20,3 60,0 95,20 80,50 40,75 0,100 | 0,100 50,97 100,100"],
    3: ["10,10 50,0 90,15 80,40 40,48 | 40,48 90,55 95,85 50,100 5,88"],
    4: [
        "25,0 15,30 5,60 | 5,60 50,58 100,60 | 70,15 68,60 65,100",
        "70,0 35,35 0,70 | 0,70 50,70 100,70 | 70,0 70,50 70,100",
    ],
    5: ["90,2 50,0 20,3 | 20,3 15,25 12,45 | 12,45 50,36 90,50 92,80 50,100 5,90"],
    6: ["75,0 35,20 8,55 10,90 50,100 85,85 75,58 40,55 10,75"],
    7: ["5,3 50,3 95,0 | 95,0 65,45 40,100", "5,3 95,0 | 95,0 65,45 40,100 | 30,52 85,48"],
    8: ["80,12 50,0 15,15 30,40 70,55 90,80 50,100 10,82 30,55 70,40 88,20 80,12"],
    9: ["85,15 50,0 12,15 15,42 50,50 85,30 85,15 | 87,15 80,60 70,100"],
}
"""The ways to write each digit: strokes through points `x,y`, in percent of the digit, y down. Made for this
project."""
CANVAS = 240
"""Side of a drawing in pixels."""


def printed() -> Iterator[Drawing]:
    """Each digit in each of `FONTS`."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for name in FONTS:
        font = ImageFont.truetype(folder / name, 150)
        for digit in range(10):
            image = Image.new("L", (CANVAS, CANVAS), 255)
            ImageDraw.Draw(image).text((CANVAS / 2, CANVAS / 2), str(digit), fill=0, font=font, anchor="mm")
            yield np.asarray(image), digit


def drawn(pen: float, tremor: float, count: int, seed: int) -> Iterator[Drawing]:
    """Draws each digit `count` times, each with its own slant and proportions. The pen is `pen` and the tremor `tremor`
    times as large as the digit."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        for digit, ways in STROKES.items():
            yield _drawn(ways[rng.integers(len(ways))], pen, tremor, rng), digit


Line = tuple[float, float, float, float]
"""From (x, y) to (x, y), in parts of the picture's sides."""


def _lines(pitch: float, turned: float) -> list[Line]:
    """Level lines across the whole picture, `pitch` apart, whose right ends lie `turned` lower."""
    return [(0, y - turned / 2, 1, y + turned / 2) for y in np.arange(pitch / 3, 1, pitch)]


def _upright(lines: list[Line]) -> list[Line]:
    return [(y0, x1, y1, x0) for x0, y0, x1, y1 in lines]


SQUARE = [(0.06, 0.06, 0.94, 0.06), (0.94, 0.06, 0.94, 0.94), (0.94, 0.94, 0.06, 0.94), (0.06, 0.94, 0.06, 0.06)]
PAPERS: dict[str, tuple[list[Line], int, float]] = {
    "a line below": ([(0, 0.93, 1, 0.93)], 60, 0.012),
    "a margin": (_upright([(0, 0.08, 1, 0.08)]), 60, 0.012),
    "ruled, grey": (_lines(0.25, 0), 150, 0.008),
    "ruled, dark": (_lines(0.25, 0), 60, 0.012),
    "ruled, turned by 2 degrees": (_lines(0.25, 0.035), 100, 0.008),
    "ruled, turned by 4 degrees": (_lines(0.25, 0.07), 100, 0.008),
    "squared, grey": (_lines(0.17, 0) + _upright(_lines(0.17, 0)), 150, 0.008),
    "squared, dark": (_lines(0.17, 0) + _upright(_lines(0.17, 0)), 60, 0.008),
    "squared, turned by 2 degrees": (_lines(0.17, 0.035) + _upright(_lines(0.17, 0.035)), 120, 0.008),
    "framed": (SQUARE, 40, 0.016),
}
"""Lines on paper: their grey level, and their thickness in parts of the picture's side."""


def on_paper(paper: str, drawings: Iterable[Drawing]) -> Iterator[Drawing]:
    """Drawings on one of `PAPERS`."""
    lines, level, thick = PAPERS[paper]
    for image, label in drawings:
        sheet = np.full((CANVAS, CANVAS), 255, np.uint8)
        for line in lines:
            x0, y0, x1, y1 = (round(16 * (CANVAS - 1) * place) for place in line)  # in sixteenths of a pixel
            cv2.line(sheet, (x0, y0), (x1, y1), level, round(CANVAS * thick), cv2.LINE_AA, shift=4)
        yield np.minimum(image, sheet), label


def _drawn(way: str, pen: float, tremor: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    image = np.full((CANVAS, CANVAS), 255, np.uint8)
    height = rng.uniform(120, 180)
    width, slant, turn = height * rng.uniform(0.5, 0.8), rng.uniform(-0.1, 0.35), rng.uniform(-0.12, 0.12)
    for stroke in way.split(" | "):
        points = np.array([point.split(",") for point in stroke.split()], float) / 100
        points = _smooth(points + rng.normal(0, tremor, points.shape)) - 0.5
        x = width * points[:, 0] - slant * height * points[:, 1]
        y = height * points[:, 1]
        turned = np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)], 1)
        fixed = np.rint((turned + CANVAS / 2) * 16).astype(np.int32)  # in sixteenths of a pixel
        cv2.polylines(image, [fixed[:, None]], False, 0, max(1, round(pen * height)), cv2.LINE_AA, shift=4)
    return image


def _smooth(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """A curve through the points: Catmull and Rom's spline (1974), 12 steps per piece."""
    padded = np.concatenate([points[:1], points, points[-1:]])
    steps = np.linspace(0, 1, 12)[:, None]
    pieces = [
        b + 0.5 * steps * (c - a + steps * (2 * a - 5 * b + 4 * c - d + steps * (3 * (b - c) + d - a)))
        for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False)
    ]
    return np.concatenate(pieces)
