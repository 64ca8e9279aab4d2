"""Coloured spots: a data set of any size and number of classes, and a network trained on it in a second."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import tinymnist
from tests.support.image_sets import Splits, write_folders
from tinymnist import Spec
from tinymnist.training import Run

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


def shape_folders(root: Path, names: Sequence[str], height: int, width: int, *, grey: bool = False) -> Path:
    """The same as class folders of PNG files, so named."""
    return write_folders(root, shapes(len(names), height, width, grey=grey), list(names))


def trained_on_shapes(folder: Path, names: Sequence[str], channels: int, height: int, width: int) -> Run:
    """A run of three epochs on such class folders, which lie beside it."""
    data = shape_folders(folder / "shapes", names, height, width, grey=channels == 1)
    spec = Spec.model_validate(
        {
            "name": "spots",
            "input": {"channels": channels, "height": height, "width": width},
            "classes": len(names),
            "blocks": [{"convs": [{"out_channels": 6, "stride": 2}], "pool": "max"}, {"convs": [8]}],
            "train": {"epochs": 3, "batch_size": 10, "augment": [], "schedule": {"name": "one_cycle", "max_lr": 0.1}},
        }
    )
    return tinymnist.train(spec, seed=1, dataset=str(data), output=folder / "runs", name="spots")


def _images(
    draw: np.random.Generator, labels: NDArray[np.int64], height: int, width: int, grey: bool
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    images = draw.integers(0, 60, (len(labels), height, width) if grey else (len(labels), height, width, 3))
    for image, label in zip(images, labels.tolist(), strict=True):
        row, column = label * 5 % (height * 2 // 3), label * 7 % (width * 2 // 3)
        spot = image[row : row + height // 3, column : column + width // 3]
        spot += 150 if grey else np.array([[150, 20, 20], [20, 150, 20], [20, 20, 150]][label % 3])
    return images.astype(np.uint8), labels
