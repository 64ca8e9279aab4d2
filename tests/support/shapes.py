"""Small made data sets: pictures in colour of simple shapes, and grey patches of many classes."""

from pathlib import Path

import numpy as np

from tests.support.image_sets import Splits, write_folders, write_npz

SHAPES = ["Kreis", "Quadrat", "Dreieck „spitz“"]


def shapes(train: int = 120, test: int = 45, height: int = 20, width: int = 24) -> Splits:
    """A light shape on a dark ground, (N, H, W, 3); labels are places in `SHAPES`."""
    random = np.random.default_rng(0)
    down, across = np.mgrid[:height, :width]
    drawn = {}
    for split, count in (("train", train), ("test", test)):
        labels = np.arange(count) % len(SHAPES)
        images = random.integers(0, 90, (count, height, width, 3)).astype(np.uint8)
        for image, label in zip(images, labels.tolist(), strict=True):
            size = random.uniform(4, 7)
            y, x = down - random.uniform(8, height - 8), across - random.uniform(8, width - 8)
            inside = [y**2 + x**2 < size**2, np.maximum(abs(y), abs(x)) < size, (y < size) & (y > 2 * abs(x) - size)]
            image[inside[label]] = random.integers(130, 256, 3)
        drawn[split] = (images, labels)
    return drawn


def write_shapes(root: Path, **sizes: int) -> Path:
    """The shapes as folders of PNG pictures."""
    return write_folders(root, shapes(**sizes), SHAPES)


def write_patches(path: Path, classes: int, train: int, test: int, side: int = 16) -> Path:
    """Grey patches (N, side, side) of `classes` classes, each a pattern of its own under noise, as an `.npz` file;
    `train` and `test` images of each class."""
    random = np.random.default_rng(1)
    patterns = random.integers(0, 2, (classes, 4, 4)).repeat(side // 4, 1).repeat(side // 4, 2)
    splits = {}
    for split, count in (("train", train), ("test", test)):
        labels = np.arange(classes).repeat(count)
        noise = random.integers(0, 80, (len(labels), side, side))
        splits[split] = ((patterns[labels] * 170 + noise).astype(np.uint8), labels)
    return write_npz(path, splits)
