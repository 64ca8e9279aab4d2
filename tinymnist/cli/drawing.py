"""Small pictures drawn with characters, two rows of pixels per line."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinymnist.prediction import Picture

BLOCKS = " ▀▄█"
"""Two pixels, one above the other: none set, the upper, the lower, both."""
ASCII = " .:-=+*#%@"
"""Two pixels, one above the other, by how much ink they have."""
INKED = 96
"""Grey level from which a half block is set."""


def drawing(picture: "Picture", shaded: bool) -> list[str]:
    """Lines of half blocks, for a character; or of plain characters, `shaded` or where the terminal has no others."""
    rows = [[_grey(pixel) for pixel in row] for row in picture.tolist()]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    cell = _shade if shaded or not _prints(BLOCKS) else _block
    return ["".join(map(cell, upper, lower)).rstrip() for upper, lower in zip(rows[::2], rows[1::2], strict=True)]


def _grey(pixel: int | list[int]) -> int:
    """The mean of red, green and blue."""
    return pixel if isinstance(pixel, int) else sum(pixel) // len(pixel)


def _block(upper: int, lower: int) -> str:
    return BLOCKS[(upper >= INKED) + 2 * (lower >= INKED)]


def _shade(upper: int, lower: int) -> str:
    return ASCII[(upper + lower) * (len(ASCII) - 1) // 510]


def _prints(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
