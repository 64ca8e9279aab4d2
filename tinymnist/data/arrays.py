"""Arrays from files as images and labels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinymnist.data.as_read import Part
from tinymnist.data.class_names import whole_labels
from tinymnist.errors import DataError


def part_of(images: NDArray[Any], labels: NDArray[Any], where: tuple[str, str]) -> Part:
    """A split made of an array of images, (N, H, W) or (N, H, W, C), and one of labels, (N,) or (N, 1).

    `where` names both in messages. Raises `DataError`.
    """
    pixels = _as_pixels(images, where[0])
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise DataError(f"{where[1]}: has shape {_shape(labels)}: expects one label per image")
    if len(labels) != len(pixels):
        raise DataError(f"{where[1]}: has {len(labels):,} labels for {len(pixels):,} images: expects one per image")
    stem = where[0].rpartition(": ")[2]
    return Part(pixels, whole_labels(labels, where[1]), [f"{stem}[{index}]" for index in range(len(pixels))])


def _as_pixels(images: NDArray[Any], where: str) -> NDArray[np.uint8]:
    if images.dtype.kind not in "iu":
        raise DataError(
            f"{where}: pixels of type {images.dtype}: expects whole numbers from 0 to 255, as by "
            "(255 * x).astype('uint8')"
        )
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] not in (1, 3)) or 0 in images.shape[1:]:
        raise DataError(
            f"{where}: has shape {_shape(images)}: expects N x height x width, and x 1 or x 3 channels at the end"
        )
    if images.dtype != np.uint8 and images.size and (images.min() < 0 or images.max() > 255):
        raise DataError(f"{where}: pixels from {images.min()} to {images.max()}: expects 0 to 255")
    pixels = images.astype(np.uint8, copy=False)
    return pixels[..., 0] if pixels.ndim == 4 and pixels.shape[3] == 1 else pixels


def _shape(array: NDArray[Any]) -> str:
    return " x ".join(f"{size:,}" for size in array.shape) or "()"
