"""The range of each value of a network, measured on training images."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from tinymnist.data import Split
from tinymnist.folded.interpreter import values
from tinymnist.folded.network import Network
from tinymnist.model.pixels import normalized
from tinymnist.quantization.finer import Extremes
from tinymnist.quantization.scheme import Range

IMAGES = 2000
QUANTILE = 0.99
"""The best of 1, 0.999, 0.99 and 0.9: it changed the fewest predictions (35 of 50,000) on 10,000 other training images,
with the five networks that come with tinymnist."""
BATCH = 200


def calibration_images(train: Split) -> Tensor:
    """At most `IMAGES` training images, evenly spaced from first to last."""
    return train.images[:: max(1, len(train) // IMAGES)][:IMAGES]


class Ranges(NamedTuple):
    """Of each value of a network, and of each channel of it."""

    values: list[Range]
    channels: list[Extremes]


def find_ranges(network: Network, images: Tensor, quantile: float = QUANTILE) -> Ranges:
    """The ranges over images (N, C, H, W) uint8: of values, from the 1 - `quantile` of the images' least numbers to the
    `quantile` of their largest; of channels, from the least to the largest, since some are seen in few images alone."""
    least: list[list[Tensor]] = []
    most: list[list[Tensor]] = []
    for batch in images.split(BATCH):
        computed = values(network, normalized(batch, network.normalize, torch.device("cpu")))
        least.append([value.flatten(2).amin(2) for value in computed])
        most.append([value.flatten(2).amax(2) for value in computed])
    found = Ranges([], [])
    for low, high in zip(zip(*least, strict=True), zip(*most, strict=True), strict=True):
        lows, highs = torch.cat(low).numpy(), torch.cat(high).numpy()
        ends = np.quantile(lows.min(1), 1 - quantile), np.quantile(highs.max(1), quantile)
        found.values.append((float(ends[0]), float(ends[1])))
        found.channels.append(np.stack([lows.min(0), highs.max(0)], axis=1).astype(np.float64))
    return found
