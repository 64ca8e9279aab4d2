"""Finds the digit in a picture: tells ink from ground, evenly lit or not, and from specks."""

import cv2
import numpy as np
from numpy.typing import NDArray

from tinymnist.errors import ImageError
from tinymnist.prediction.images import Grey
from tinymnist.prediction.rulings import without_rulings

Ink = NDArray[np.float32]
"""(H, W), from 0 (bare ground) to 1 (full ink)."""

WORKING_SIDE = 280
"""Pixels of the longer side to which a picture is shrunk: ten for each of MNIST's."""
FAINTEST = 12.0
"""Grey levels between ground and ink; smaller differences may be artefacts of JPEG."""
FLAT_SHARE, FLAT_SPREAD = 0.85, 0.12
"""The ground is even where `FLAT_SHARE` of the frame lies within `FLAT_SPREAD` of the picture's contrast."""
WIDEST_STROKE = 0.35
"""On uneven ground, anything wider than this share of the longer side counts as a shadow."""
LARGE = 0.1
"""A piece of ink of at least this share of the largest belongs to the digit wherever it lies."""
SIGMA = 1.4826
"""The standard deviation of a normal distribution, divided by its median absolute deviation."""
EDGE = 0.08
"""Strength of ink at which the digit ends: near 0, JPEG's ripples would count; near 0.5, soft edges would be cut."""
UNTOUCHED = 28
"""Up to this many pixels on the longer side, the faintest pixel counts: such pictures are MNIST's own, or like them."""


def find_ink(grey: Grey) -> Ink:
    """Cuts the digit out, light on dark, at most `WORKING_SIDE` pixels wide and high. Raises `ImageError` for a picture
    without a digit.

    Where the digit is small in a large picture, its surroundings are cut out and searched again at a larger scale.
    """
    height, width = grey.shape
    small = _shrunk(grey)
    levels, even = _above_ground(small)
    ink, noise = _digit_alone(without_rulings(levels, _noise(levels)), even)
    rows, columns = _extent(ink > (EDGE if noise or max(height, width) > UNTOUCHED else 0))
    side = max(rows.stop - rows.start, columns.stop - columns.start)
    if small is grey or side > WORKING_SIDE / 3:
        return ink[rows, columns]
    scale = max(height, width) / WORKING_SIDE
    return find_ink(grey[_widened(rows, side // 2, scale, height), _widened(columns, side // 2, scale, width)])


def _shrunk(grey: Grey) -> Grey:
    scale = WORKING_SIDE / max(grey.shape)
    if scale >= 1:
        return grey
    height, width = (max(1, round(size * scale)) for size in grey.shape)
    return np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA), dtype=np.float32)


def _above_ground(grey: Grey) -> tuple[Grey, bool]:
    """The difference of each pixel from the ground, in grey levels, positive for ink; and whether the ground is even.

    The ground is the level of the picture's frame. Where that is uneven, as in photographs, the ground is found for
    each place: the lighter or darker surroundings in which a stroke would vanish, by a morphological opening (J. Serra,
    Image Analysis and Mathematical Morphology, 1982). Dark ink on uneven ground is measured as a share of the light at
    its place, so that it is as strong in a shadow as beside it.
    """
    frame = grey[_frame(grey.shape)]
    level = np.median(frame)
    difference = grey - level
    even = np.quantile(np.abs(frame - level), FLAT_SHARE) <= FLAT_SPREAD * np.abs(difference).max()
    if even:
        return np.asarray(difference if _is_light(difference) else -difference, dtype=np.float32), True
    light_ink = _is_light(grey - _median_around(grey))
    lit = grey if light_ink else 255 - grey
    ground = _opened(lit, int(WIDEST_STROKE * max(grey.shape)))
    return np.asarray(lit - ground if light_ink else 255 * (lit - ground) / np.maximum(255 - ground, 16)), False


def _frame(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The pixels along the sides; the frame is as wide as one of MNIST's pixels."""
    width = max(1, round(max(shape) / 28))
    mask = np.ones(shape, bool)
    mask[width:-width, width:-width] = False
    return mask


def _is_light(difference: Grey) -> bool:
    """Whether the ink is lighter than the ground: ink covers a smaller area than the ground, and differs more."""
    return float((difference.astype(np.float64) ** 3).sum()) > 0


def _median_around(grey: Grey) -> Grey:
    """The median around each pixel, over a square half as wide as the picture."""
    reach = max(1, max(grey.shape) // 4)
    padded = cv2.copyMakeBorder(np.rint(grey).astype(np.uint8), reach, reach, reach, reach, cv2.BORDER_REFLECT)
    return np.asarray(cv2.medianBlur(padded, 2 * reach + 1)[reach:-reach, reach:-reach], dtype=np.float32)


def _opened(grey: Grey, side: int) -> Grey:
    """Removes what is lighter than its surroundings and narrower than about `side` pixels, also at the edges."""
    side |= 1  # odd: with an even size, OpenCV shifts by a pixel
    padded = cv2.copyMakeBorder(grey, side, side, side, side, cv2.BORDER_CONSTANT, value=255)
    opened = cv2.morphologyEx(padded, cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    return np.asarray(opened[side:-side, side:-side])


def _digit_alone(levels: Grey, even: bool) -> tuple[Ink, float]:
    """The ink, from 0 to 1, of the pieces that form the digit, without any other; and the noise of the ground, in grey
    levels. Raises `ImageError` where there is no digit.

    Ink is whatever exceeds both N. Otsu's threshold (A Threshold Selection Method from Gray-Level Histograms, 1979) and
    four standard deviations of the ground's noise.
    """
    threshold = _otsu(levels)
    ground = levels[levels <= threshold]
    middle = np.median(ground)
    noise = max(_noise(levels), SIGMA * float(np.median(np.abs(ground - middle))))
    levels = levels - middle
    inked = levels > max(threshold - middle, 4 * noise)
    if not inked.any() or np.quantile(levels[inked], 0.9) < max(FAINTEST, 7 * noise):
        raise ImageError("no digit to be seen: expects one, darker or lighter than what is around it")
    pieces = _pieces_of_digit(inked, even)
    full = float(np.quantile(levels[pieces], 0.9) if noise else levels[pieces].max())
    rows, columns = _extent(pieces)
    reach = 2 * max(1, round(max(rows.stop - rows.start, columns.stop - columns.start) / 10)) + 1
    soft_edges = cv2.dilate(pieces.astype(np.uint8), np.ones((reach, reach), np.uint8)).astype(bool)
    bare = 2.5 * noise
    ink = np.clip((levels - bare) / (full - bare), 0, 1)
    ink[~soft_edges | (inked & ~pieces)] = 0
    return np.asarray(ink, dtype=np.float32), noise


def _noise(levels: Grey) -> float:
    """The standard deviation of the noise, in grey levels, by the median difference of neighbours."""
    differences = [np.abs(np.diff(levels, axis=axis)).ravel() for axis in (0, 1)]
    return SIGMA / 2**0.5 * float(np.median(np.concatenate([*differences, [0.0]])))


def _otsu(levels: Grey) -> float:
    top = max(float(levels.max()), 1.0)
    scaled = np.clip(levels * (255 / top), 0, 255).astype(np.uint8)
    return float(cv2.threshold(scaled, 0, 255, cv2.THRESH_OTSU)[0]) * top / 255


def _pieces_of_digit(inked: NDArray[np.bool_], even: bool) -> NDArray[np.bool_]:
    """The large connected pieces, and the small ones between them. On uneven ground, pieces that touch the picture's
    sides are left out where another piece is nearly as large: they are shadows, or parts of something else."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inked.astype(np.uint8), connectivity=8)
    left, top, width, height, area = stats[1:count].T
    right, bottom = left + width, top + height
    touching = (left == 0) | (top == 0) | (right == inked.shape[1]) | (bottom == inked.shape[0])
    if not even and np.where(touching, 0, area).max() >= 0.3 * area.max():
        area = np.where(touching, 0, area)
    large = area >= LARGE * area.max()
    between = (
        (left < right[large].max())
        & (right > left[large].min())
        & (top < bottom[large].max())
        & (bottom > top[large].min())
    )
    digit = large | (between & (area > 0))
    return np.asarray(np.concatenate([[False], digit])[labels], dtype=bool)


def _extent(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Rows and columns of the smallest box around all true values."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _widened(span: slice, margin: int, scale: float, size: int) -> slice:
    """Converts `span` of the shrunk picture, with a margin on both sides, to pixels of the large one."""
    return slice(max(0, int((span.start - margin) * scale)), min(size, int((span.stop + margin) * scale) + 1))
