"""Pictures of coloured shapes: a data set of any size, with as many classes as one likes, made in a moment."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.support.image_sets import Splits, write_folders

NAMES = ("Würfel", 'a "ring"', "back\\slash??=", "gr<b>ün & rot")
"""Names that every format has to escape."""


def shapes(
    classes: int, height: int, width: int, *, grey: bool = False, train: int = 20, test: int = 5, seed: int = 0
) -> Splits:
    """`train` and `test` images of each class, (N, H, W, 3) or grey (N, H, W). A class is a place and a colour; noise
    makes every image another."""
    return {
        split: _images(np.random.default_rng([seed, number]), np.repeat(np.arange(classes), count), height, width, grey)
        for number, (split, count) in enumerate((("train", train), ("test", test)))
    }


def shape_folders(root: Path, names: Sequence[str], height: int, width: int, **options: int) -> Path:
    """The same as class folders of PNG files, so named."""
    return write_folders(root, shapes(len(names), height, width, **options), list(names))


def _images(
    draw: np.random.Generator, labels: NDArray[np.int64], height: int, width: int, grey: bool
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    images = draw.integers(0, 60, (len(labels), height, width) if grey else (len(labels), height, width, 3))
    for image, label in zip(images, labels.tolist(), strict=True):
        row, column = label * 5 % (height * 2 // 3), label * 7 % (width * 2 // 3)
        spot = image[row : row + height // 3, column : column + width // 3]
        spot += 150 if grey else np.array([[150, 20, 20], [20, 150, 20], [20, 20, 150]][label % 3])
    return images.astype(np.uint8), labels
