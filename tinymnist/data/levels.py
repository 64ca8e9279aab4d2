"""The grey levels of images."""

import math

import numpy as np
from numpy.typing import NDArray

from tinymnist.errors import DataError

AT_ONCE = 1000
"""Images that are counted at once, so that counting takes little memory."""


def mean_and_std(pixels: NDArray[np.uint8], where: str) -> tuple[float, float]:
    """The mean and the standard deviation of all pixels (N, C, H, W), from 0 to 1, to 4 places.

    Raises `DataError` where all pixels are nearly alike.
    """
    counts = np.zeros(256, np.int64)
    for start in range(0, len(pixels), AT_ONCE):
        counts += np.bincount(pixels[start : start + AT_ONCE].ravel(), minlength=256)
    levels, shares = np.arange(256) / 255, counts / counts.sum()
    mean = math.fsum(levels * shares)
    std = math.sqrt(math.fsum((levels - mean) * (levels - mean) * shares))
    if std < 0.001:
        raise DataError(f"{where}: all pixels are nearly alike: there is nothing that a network could tell apart")
    return round(mean, 4), round(std, 4)
