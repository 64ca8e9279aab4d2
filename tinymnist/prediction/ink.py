"""Finds the digit in a picture: tells ink from ground, and the digit from specks."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tinymnist.errors import ImageError
from tinymnist.prediction.ground import SIGMA, above_ground, noise_of, otsu, shrunk
from tinymnist.prediction.images import Grey
from tinymnist.prediction.pieces import Mask, Pieces, find_pieces
from tinymnist.prediction.rulings import without_rulings

Ink = NDArray[np.float32]
"""(H, W), from 0 (bare ground) to 1 (full ink)."""

WORKING_SIDE = 280
"""Pixels of the longer side to which a picture is shrunk: ten for each of MNIST's."""
FAINTEST = 12.0
"""Grey levels between ground and ink; smaller differences may be artefacts of JPEG."""
EDGE = 0.08
"""Strength of ink at which the digit ends: near 0, JPEG's ripples would count; near 0.5, soft edges would be cut."""
UNTOUCHED = 28
"""Up to this many pixels on the longer side, the faintest pixel counts, and no line is a ruling: such pictures are
MNIST's own, or like them."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A picture, or a part of it, that has ink."""

    levels: Grey
    """(H, W): grey levels above the ground."""
    noise: float
    """Standard deviation of the ground, in grey levels."""
    inked: Mask
    """(H, W)"""


def find_ink(grey: Grey) -> Ink:
    """Cuts the digit out, light on dark, at most `WORKING_SIDE` pixels wide and high. Raises `ImageError` for a picture
    without a digit.

    Where the digit is small in a large picture, its surroundings are cut out and searched again at a larger scale.
    """
    height, width = grey.shape
    small = shrunk(grey, WORKING_SIDE)
    scene, pieces = find_scene(small)
    ink = ink_of(scene, pieces.digit(pieces.large))
    rows, columns = extent(ink > (EDGE if scene.noise or max(height, width) > UNTOUCHED else 0))
    side = max(rows.stop - rows.start, columns.stop - columns.start)
    if small is grey or side > WORKING_SIDE / 3:
        return ink[rows, columns]
    scale = max(height, width) / WORKING_SIDE
    return find_ink(grey[_widened(rows, side // 2, scale, height), _widened(columns, side // 2, scale, width)])


def find_scene(grey: Grey) -> tuple[Scene, Pieces]:
    """What is inked, and its pieces. Raises `ImageError` where there is no digit.

    Ink is whatever exceeds both N. Otsu's threshold and four standard deviations of the ground's noise.
    """
    levels, even = above_ground(grey)
    if max(levels.shape) > UNTOUCHED:
        levels = without_rulings(levels, noise_of(levels))
    threshold = otsu(levels)
    ground = levels[levels <= threshold]
    middle = np.median(ground)
    noise = max(noise_of(levels), SIGMA * float(np.median(np.abs(ground - middle))))
    levels = levels - middle
    inked = levels > max(threshold - middle, 4 * noise)
    if not inked.any() or np.quantile(levels[inked], 0.9) < max(FAINTEST, 7 * noise):
        raise ImageError("no character to be seen: expects one, darker or lighter than what is around it")
    return Scene(levels, noise, inked), find_pieces(inked, even)


def ink_of(scene: Scene, digit: Mask) -> Ink:
    """The ink (H, W) of the pieces that form `digit` (H, W), with their soft edges and without any other piece."""
    levels, noise = scene.levels, scene.noise
    full = float(np.quantile(levels[digit], 0.9) if noise else levels[digit].max())
    rows, columns = extent(digit)
    reach = 2 * max(1, round(max(rows.stop - rows.start, columns.stop - columns.start) / 10)) + 1
    soft_edges = cv2.dilate(digit.astype(np.uint8), np.ones((reach, reach), np.uint8)).astype(bool)
    bare = 2.5 * noise
    ink = np.clip((levels - bare) / (full - bare), 0, 1)
    ink[~soft_edges | (scene.inked & ~digit)] = 0
    return np.asarray(ink, dtype=np.float32)


def extent(mask: Mask) -> tuple[slice, slice]:
    """Rows and columns of the smallest box around all true values."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _widened(span: slice, margin: int, scale: float, size: int) -> slice:
    """Converts `span` of the shrunk picture, with a margin on both sides, to pixels of the large one."""
    return slice(max(0, int((span.start - margin) * scale)), min(size, int((span.stop + margin) * scale) + 1))
