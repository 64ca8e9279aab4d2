"""Separates a picture from its ground: how far each pixel is above it, evenly lit or not."""

import cv2
import numpy as np
from numpy.typing import NDArray

from tinymnist.prediction.images import Grey

FLAT_SHARE, FLAT_SPREAD = 0.85, 0.12
"""The ground is even where `FLAT_SHARE` of the frame lies within `FLAT_SPREAD` of the picture's contrast."""
WIDEST_STROKE = 0.35
"""On uneven ground, anything wider than this share of the longer side counts as a shadow."""
MEDIAN_SIDE = 280
"""Pixels of the longer side to which a picture is shrunk for medians, which OpenCV computes over 255 pixels at most."""
SIGMA = 1.4826
"""The standard deviation of a normal distribution, divided by its median absolute deviation."""


def shrunk(grey: Grey, side: int) -> Grey:
    """The picture, with a longer side of at most `side` pixels."""
    scale = side / max(grey.shape)
    if scale >= 1:
        return grey
    height, width = (max(1, round(size * scale)) for size in grey.shape)
    return np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA), dtype=np.float32)


def above_ground(grey: Grey) -> tuple[Grey, bool]:
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
    small = shrunk(grey, MEDIAN_SIDE)
    light_ink = _is_light(small - _median_around(small))
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


def noise_of(levels: Grey) -> float:
    """The standard deviation of the noise, in grey levels, by the median difference of neighbours."""
    differences = [np.abs(np.diff(levels, axis=axis)).ravel() for axis in (0, 1)]
    return SIGMA / 2**0.5 * float(np.median(np.concatenate([*differences, [0.0]])))


def otsu(levels: Grey) -> float:
    """Otsu's threshold (A Threshold Selection Method from Gray-Level Histograms, 1979)."""
    top = max(float(levels.max()), 1.0)
    scaled = np.clip(levels * (255 / top), 0, 255).astype(np.uint8)
    return float(cv2.threshold(scaled, 0, 255, cv2.THRESH_OTSU)[0]) * top / 255
