"""Finds several digits side by side in one picture."""

from collections.abc import Iterator
from dataclasses import dataclass

from tinymnist.errors import ImageError
from tinymnist.prediction.ground import shrunk
from tinymnist.prediction.images import Grey
from tinymnist.prediction.ink import EDGE, Ink, Scene, extent, find_scene, ink_of

SIDE = 1120
"""Pixels of the longer side to which a picture with several digits is shrunk."""
MOST = 1000
"""Pieces of ink that are looked at, so that a picture of dots ends soon."""


@dataclass(frozen=True, slots=True)
class Box:
    """Where a digit lies, in pixels of its picture: the left top corner from that of the picture, and its size."""

    x: int
    y: int
    width: int
    height: int


def find_inks(grey: Grey, scale: float = 1) -> Iterator[tuple[Box, Ink]]:
    """Cuts out each digit, from left to right. Pieces of ink that lie above each other belong to one digit, and digits
    that touch are taken for one. `scale` is how many pixels of the picture one of `grey` stands for.

    Raises `ImageError` for a picture without a digit, or with far too many.
    """
    small = shrunk(grey, SIDE)
    scene, pieces = find_scene(small)
    if pieces.large.sum() > MOST:
        raise ImageError(f"more than {MOST:,} pieces of ink: expects one line of characters")
    digits = pieces.side_by_side()
    lefts = [int(pieces.left[digit].min()) for digit in digits]
    rights = [int(pieces.right[digit].max()) for digit in digits]
    starts = [0, *(min(left, (right + left) // 2) for right, left in zip(rights, lefts[1:], strict=False))]
    stops = [*(max(right, (right + left) // 2) for right, left in zip(rights, lefts[1:], strict=False)), small.shape[1]]
    scale *= max(grey.shape) / max(small.shape)
    for start, stop, digit in zip(starts, stops, digits, strict=True):
        strip = slice(start, stop)  # to the middle of the gap, where the soft edges of the next digit begin
        part = Scene(scene.levels[:, strip], scene.noise, scene.inked[:, strip])
        ink = ink_of(part, pieces.digit(digit)[:, strip])
        rows, columns = extent(ink > EDGE)
        yield _box(rows, slice(start + columns.start, start + columns.stop), scale), ink[rows, columns]


def _box(rows: slice, columns: slice, scale: float) -> Box:
    left, right, top, bottom = (round(edge * scale) for edge in (columns.start, columns.stop, rows.start, rows.stop))
    return Box(left, top, right - left, bottom - top)
