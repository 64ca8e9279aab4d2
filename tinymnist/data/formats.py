"""Reads the files of published data sets, whose bytes are verified: one function per format.

Each takes the unpacked files in their order, and returns images (N, H, W) uint8 and labels (N,) of each split.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinymnist.data.identity import pixel_hashes
from tinymnist.data.image_set import SplitName
from tinymnist.data.publication import Format
from tinymnist.data.splitting import for_testing

Splits = dict[SplitName, tuple[NDArray[np.uint8], NDArray[Any]]]

IDX_TYPES = {0x08: "u1", 0x0C: ">i4"}
LOST_FROM = 10_000
"""The first of QMNIST's test digits that MNIST's test set does not have."""
MNIST_5K_PER_CLASS = 400
"""Images of each digit of mnist-5k that are for training, the first ones."""
INKED = 16
"""The highest grey level of digits-8x8: all of the 4x4 pixels that one of its pixels stands for."""


def _idx(files: Sequence[bytes]) -> Splits:
    """Training images and labels, test images and labels. Labels may be rows of numbers that begin with the class, as
    QMNIST's are."""
    train_images, train_labels, test_images, test_labels = map(_idx_array, files)
    return {"train": (train_images, _first_column(train_labels)), "test": (test_images, _first_column(test_labels))}


def _idx_array(content: bytes) -> NDArray[Any]:
    kind, dimensions = content[2:4]
    shape = np.frombuffer(content, ">u4", dimensions, 4)
    return np.frombuffer(content, IDX_TYPES[kind], offset=4 + 4 * dimensions).reshape(shape)


def _first_column(labels: NDArray[Any]) -> NDArray[Any]:
    return labels if labels.ndim == 1 else labels[:, 0]


def _emnist(files: Sequence[bytes]) -> Splits:
    """IDX files in which rows and columns have changed places: upright again."""
    return {
        split: (np.ascontiguousarray(images.transpose(0, 2, 1)), labels)
        for split, (images, labels) in _idx(files).items()
    }


def _qmnist_50k(files: Sequence[bytes]) -> Splits:
    """QMNIST's test digits without those of MNIST; none are for training."""
    images, labels = map(_idx_array, files)
    labels = _first_column(labels)
    return {"train": (images[:0], labels[:0]), "test": (images[LOST_FROM:], labels[LOST_FROM:])}


def _usps(files: Sequence[bytes]) -> Splits:
    """LIBSVM's lines, `label 1:pixel ... 256:pixel`, for training and for testing; pixels are from -1 to 1, and become
    the grey levels that torchvision makes of them."""
    train, test = (np.array(content.replace(b":", b" ").split(), np.float32).reshape(-1, 513) for content in files)
    return {"train": _usps_images(train), "test": _usps_images(test)}


def _usps_images(lines: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    pixels = (lines[:, 2::2] + 1) / 2 * 255
    return pixels.astype(np.uint8).reshape(-1, 16, 16), lines[:, 0].astype(np.int64)


def _mnist_5k(files: Sequence[bytes]) -> Splits:
    """MNIST training images, 500 of each digit: of each, the first 400 are for training, the last 100 for testing."""
    images, labels = _table(files[0], 28)
    test = np.concatenate([np.flatnonzero(labels == digit)[MNIST_5K_PER_CLASS:] for digit in range(10)])
    train = np.setdiff1d(np.arange(len(labels)), test)
    return {"train": (images[train], labels[train]), "test": (images[test], labels[test])}


def _digits_8x8(files: Sequence[bytes]) -> Splits:
    """Grey levels from 0 to 16 become 0 to 255, rounded; the test set is chosen by content, as where a path has none.

    The file does not name the writers, so that one writer's digits may stand in both parts.
    """
    images, labels = _table(files[0], 8)
    images = ((images.astype(np.uint16) * 255 + INKED // 2) // INKED).astype(np.uint8)
    test = for_testing(pixel_hashes(images), labels.astype(np.int64))
    return {"train": (images[~test], labels[~test]), "test": (images[test], labels[test])}


def _table(content: bytes, side: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """CSV, one image per line and its label at the end."""
    table = np.loadtxt(content.decode("ascii").splitlines(), np.uint8, delimiter=",")
    return table[:, :-1].reshape(-1, side, side), table[:, -1]


READERS: dict[Format, Callable[[Sequence[bytes]], Splits]] = {
    "idx": _idx,
    "emnist": _emnist,
    "qmnist-50k": _qmnist_50k,
    "usps": _usps,
    "mnist-5k": _mnist_5k,
    "digits-8x8": _digits_8x8,
}
