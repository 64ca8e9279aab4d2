"""Removes what belongs to the paper, not to the digit: rulings, squares, margins, and a frame around the digit."""

import cv2
import numpy as np
from numpy.typing import NDArray

from tinymnist.prediction.images import Grey

Mask = NDArray[np.bool_]
Lines = NDArray[np.float64]
"""(N, 2): of each line, the distance from the top left corner in pixels and the direction of its normal in radians."""

VISIBLE = 0.08
"""Part of the strongest level that a line has at least."""
THICK = 0.03
"""Part of the longer side that a line's thickness is at most."""
TURNED, STEP = 6, 0.25
"""Degrees that lines may be turned by, and between the directions that are tried."""
SHORTEST = 0.3
"""Part of the longer side that a line is long at least, from one side of the picture to another."""
INKED = 0.97
"""Part of a line that is inked at least."""
MOST = 2000
"""Lines that are looked at; one of the paper's lines is found as several that hardly differ."""
FRAMED = 0.9
"""Part of each side of a piece's own box that is inked where the piece is a frame."""
LEAST = 0.001
"""Part of the picture's pixels that is left as a digit at least."""


def without_rulings(levels: Grey, noise: float) -> Grey:
    """`levels` (H, W; positive for ink) with the thin straight lines that run from side to side, and a frame around
    everything else, at the level of the ground. Where a stroke crosses a line, it stays whole.

    No line is removed where no piece clear of all sides would be left: it may be a stroke of a digit that was cut out
    tightly.
    """
    ground = np.float32(np.median(levels))
    seen = levels > ground + max(VISIBLE * float(levels.max() - ground), 4 * noise)
    rest = _without_lines(_without_lines(seen).T).T
    if not (rest < seen).any() or not _is_digit(rest):
        rest = seen
    rest = _without_frames(rest)
    return np.where(seen & ~rest, ground, levels) if (rest < seen).any() else levels


def _without_lines(seen: Mask) -> Mask:
    """Without the thin lines from the left side to the right, which are level or nearly so."""
    side = max(seen.shape)
    thick = 1 + max(1, round(THICK * side))
    thin = seen & ~_opened(seen, 1 + thick)
    found = cv2.HoughLines(
        thin.astype(np.uint8),
        1,
        np.radians(STEP),
        round(0.6 * SHORTEST * side),
        min_theta=np.radians(90 - TURNED),
        max_theta=np.radians(90 + TURNED),
    )
    if found is None:
        return seen
    lines = np.zeros(seen.shape, np.uint8)
    rows, columns = _places(found[:MOST, 0].astype(np.float64), seen)
    lines[rows, columns] = 1
    near = cv2.dilate(lines, np.ones((2 * thick - 1, 1), np.uint8)).astype(bool)
    return np.asarray(seen & ~(thin & near))


def _places(lines: Lines, seen: Mask) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of those lines that are inked from one side of the picture to another."""
    height, width = seen.shape
    distance, direction = lines.T[:, :, None]
    columns = np.arange(width)
    rows = np.rint((distance - columns * np.cos(direction)) / np.sin(direction)).astype(np.intp)
    inside = (rows >= 0) & (rows < height)
    around = cv2.dilate(seen.astype(np.uint8), np.ones((3, 1), np.uint8)).astype(bool)
    inked = inside & around[rows.clip(0, height - 1), columns]
    length = inside.sum(1)
    complete = (length >= SHORTEST * max(seen.shape)) & (inked.sum(1) >= INKED * length)
    place = inked & complete[:, None]
    return rows[place], np.broadcast_to(columns, place.shape)[place]


def _opened(mask: Mask, height: int) -> Mask:
    """What lies in vertical runs of at least `height` pixels, as if the picture went on beyond its sides."""
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), height, height, 0, 0, cv2.BORDER_CONSTANT, value=0)
    opened = cv2.morphologyEx(padded, cv2.MORPH_OPEN, np.ones((height, 1), np.uint8))
    return np.asarray(opened[height:-height], dtype=bool)


def _is_digit(rest: Mask) -> bool:
    """Whether the largest piece is large enough, and touches no side."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(rest.astype(np.uint8), connectivity=8)
    if count == 1:
        return False
    left, top, width, height, area = stats[1 + stats[1:, cv2.CC_STAT_AREA].argmax()]
    clear = left > 0 and top > 0 and left + width < rest.shape[1] and top + height < rest.shape[0]
    return bool(clear and area >= LEAST * rest.size)


def _without_frames(seen: Mask) -> Mask:
    """Without the pieces whose ink runs along all four sides of their own box, where there is another one inside."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(seen.astype(np.uint8), connectivity=8)
    band = 1 + max(1, round(THICK * max(seen.shape)))
    for number in range(1, count):
        left, top, width, height, _ = stats[number]
        if min(width / seen.shape[1], height / seen.shape[0]) < SHORTEST:
            continue
        box = slice(top, top + height), slice(left, left + width)
        piece = labels[box] == number
        sides = (piece[:band].any(0), piece[-band:].any(0), piece[:, :band].any(1), piece[:, -band:].any(1))
        middle = piece[band:-band, band:-band]
        inside = seen[box][band:-band, band:-band] & ~middle
        if min(side.mean() for side in sides) >= FRAMED and inside.sum() >= LEAST * seen.size and middle.mean() < 0.1:
            seen = seen & (labels != number)
    return seen
