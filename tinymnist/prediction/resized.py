"""Makes a picture one like those that a network was trained on, where these were fitted into the size of its input."""

import os

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinymnist.data.pictures import MAX_DECODED, picture_of
from tinymnist.data.resizing import fitted
from tinymnist.prediction.images import MAX_SCALED, Picture, is_baseline_jpeg, open_picture
from tinymnist.spec.models import Input


def read_resized(path: str | os.PathLike[str], shape: Input) -> Picture:
    """Reads a PNG, JPEG or WebP file with the code that reads a data set, so that a picture of the training set gives
    the pixels that training saw. Raises `ImageError`, whose message does not name the path.

    A JPEG picture that is too large for a data set is made smaller while it is decoded.
    """

    def resized(image: Image.Image, content: bytes) -> NDArray[np.uint8]:
        width, height = image.size
        if MAX_DECODED < width * height <= MAX_SCALED and is_baseline_jpeg(image):
            image.draft(None, (width // 2, height // 2))
        return picture_of(image, content, (shape.height, shape.width)).pixels

    return with_channels(open_picture(path, resized), shape.channels)


def resized_rows(pixels: NDArray[np.uint8], shape: Input) -> NDArray[np.uint8]:
    """The same for images (N, H, W) or (N, H, W, 3) that are in memory."""
    return np.stack([with_channels(fitted(image, shape.height, shape.width), shape.channels) for image in pixels])


def with_channels(pixels: NDArray[np.uint8], channels: int) -> Picture:
    """Grey repeated for a network that takes colours, colours made grey (ITU-R 601-2) for one that does not."""
    if channels == 1:
        return pixels if pixels.ndim == 2 else np.asarray(Image.fromarray(pixels).convert("L"))
    return pixels if pixels.ndim == 3 else np.stack([pixels] * channels, axis=-1)
