"""Small grey pictures drawn with characters, two rows of pixels per line."""

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


def drawing(picture: "Picture") -> list[str]:
    """Lines of half blocks, or of plain characters where the terminal has no others."""
    rows = picture.tolist()
    cell = _block if _prints(BLOCKS) else _shade
    return ["".join(map(cell, upper, lower)).rstrip() for upper, lower in zip(rows[::2], rows[1::2], strict=True)]


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
