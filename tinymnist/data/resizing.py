"""Brings an image to another size."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def fitted(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Scales (H, W) or (H, W, 3) with its aspect kept until it fits, and centres it on the median colour of its border.

    An image that has the size already stays as it is. Making an image smaller averages its pixels (Pillow's bilinear
    filter, in whole numbers, first along the rows and then along the columns, so that every machine makes the same
    bits: newer versions of Pillow would choose the order by the sizes).
    """
    if pixels.shape[:2] == (height, width):
        return pixels
    scale = min(height / pixels.shape[0], width / pixels.shape[1])
    rows, columns = (max(1, round(size * scale)) for size in pixels.shape[:2])
    narrow = Image.fromarray(pixels).resize((columns, pixels.shape[0]), Image.Resampling.BILINEAR)
    scaled = np.asarray(narrow.resize((columns, rows), Image.Resampling.BILINEAR))
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    canvas = np.empty((height, width, *pixels.shape[2:]), np.uint8)
    canvas[:] = np.median(border, axis=0).astype(np.uint8)
    top, left = (height - rows) // 2, (width - columns) // 2
    canvas[top : top + rows, left : left + columns] = scaled
    return canvas
