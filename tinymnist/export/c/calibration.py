"""Which range each value of a network needs: seen on training images."""

import numpy as np
import torch
from torch import Tensor

from tinymnist.data import Split
from tinymnist.export.c.quantization import Range
from tinymnist.export.folded import Network
from tinymnist.export.interpreter import values
from tinymnist.training.score import normalized

IMAGES = 2000
QUANTILE = 0.99
"""Of 1, 0.999, 0.99 and 0.9, what changed the fewest classes (35 of 50,000) on 10,000 further training images with the
five networks that come with tinymnist."""
BATCH = 200


def calibration_images(train: Split) -> Tensor:
    """At most `IMAGES` training images, evenly from first to last."""
    return train.images[:: max(1, len(train) // IMAGES)][:IMAGES]


def find_ranges(network: Network, images: Tensor, quantile: float = QUANTILE) -> list[Range]:
    """The range of each value, for images (N, H, W) uint8: of each image's least and largest numbers, the quantile."""
    least: list[list[Tensor]] = []
    most: list[list[Tensor]] = []
    for batch in images.split(BATCH):
        computed = values(network, normalized(batch, network.normalize, torch.device("cpu")))
        least.append([value.flatten(1).amin(1) for value in computed])
        most.append([value.flatten(1).amax(1) for value in computed])
    return [
        (float(np.quantile(torch.cat(low), 1 - quantile)), float(np.quantile(torch.cat(high), quantile)))
        for low, high in zip(zip(*least, strict=True), zip(*most, strict=True), strict=True)
    ]
