"""Prepares a grey picture of a digit as MNIST's pictures were prepared: 28x28 pixels.

The method is that of Y. LeCun, L. Bottou, Y. Bengio and P. Haffner (Gradient-Based Learning Applied to Document
Recognition, 1998, section III A, and http://yann.lecun.com/exdb/mnist/): the digit's bounding box is scaled to fit into
20x20 pixels, which makes grey levels by anti-aliasing, and its centre of mass is placed at the centre of 28x28 pixels.
"""

import cv2
import numpy as np

from tinymnist.prediction.images import Grey, Picture
from tinymnist.prediction.ink import Ink, find_ink
from tinymnist.prediction.several import Box, find_inks

SIDE, BOX = 28, 20
CENTRE = 14
"""Row and column, from 0, of the centre of mass: from 13.5 to 14.5 in MNIST's training images."""


def prepare(grey: Grey) -> Picture:
    """Makes an MNIST picture, (28, 28) from 0 (ground) to 255 (ink), of a digit or letter in a picture of any size,
    dark on light or light on dark. A picture of MNIST stays as it is. Raises `ImageError` where there is none."""
    return _centred(_boxed(find_ink(grey)))


def prepare_each(grey: Grey, scale: float = 1) -> list[tuple[Box, Picture]]:
    """The same for every digit in a picture, from left to right, with its place. One pixel of `grey` stands for
    `scale` of the picture's."""
    return [(box, _centred(_boxed(ink))) for box, ink in find_inks(grey, scale)]


def _boxed(ink: Ink) -> Ink:
    """Scales the longer side to 20 pixels. The strongest pixel becomes full ink, as every digit in MNIST has some."""
    scale = BOX / max(ink.shape)
    if scale != 1:
        height, width = (max(1, round(size * scale)) for size in ink.shape)
        ink = np.asarray(
            cv2.resize(ink, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        )
    return np.asarray(ink / ink.max(), dtype=np.float32)


def _centred(ink: Ink) -> Picture:
    """Shifts the digit to its place by whole pixels, so that nothing is blurred."""
    height, width = ink.shape
    total = ink.sum(dtype=np.float64)
    row = float(ink.sum(1, dtype=np.float64) @ np.arange(height) / total)
    column = float(ink.sum(0, dtype=np.float64) @ np.arange(width) / total)
    top, left = (min(max(0, round(CENTRE - centre)), SIDE - size) for centre, size in ((row, height), (column, width)))
    picture = np.zeros((SIDE, SIDE), np.uint8)
    picture[top : top + height, left : left + width] = np.rint(255 * ink)
    return picture
