"""The filters of a network's convolutions, laid out as one picture a convolution. No matplotlib."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from tinymnist.plotting import BLUE, VERMILION
from tinymnist.text import shape_text

MOST = 32
"""Filters shown each way; what is beyond is cut off."""
ROW = 16
"""Filters side by side where each reads one channel alone."""

Weights = NDArray[np.float32]
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Filters:
    """Those of one convolution."""

    name: str
    """Where it is in the network: `block1.conv1`."""
    weights: Weights
    """(out, in of a group, height, width)."""
    groups: int
    first: bool
    """Whether it reads the image itself."""

    @property
    def alone(self) -> bool:
        """Whether each filter reads one channel: of a grey image, or depthwise."""
        return bool(self.weights.shape[1] == 1)

    @property
    def size(self) -> str:
        """In words: `6 to 8 channels, 3x3`."""
        outputs, inputs, *kernel = self.weights.shape
        kind = f", {self.groups} groups" if self.groups > 1 and not self.alone else ", depthwise"
        kind = "" if self.groups == 1 else kind
        return f"{inputs * self.groups} to {outputs} channels, {shape_text(tuple(kernel))}{kind}"

    @property
    def cut(self) -> str:
        """What is not shown, in words; empty where all is."""
        outputs, inputs = self.weights.shape[:2]
        limit = MOST * ROW if self.alone else MOST
        parts = [f"{MOST} of {inputs} in"] * (inputs > MOST) + [f"{limit} of {outputs} out"] * (outputs > limit)
        return f"the first {', '.join(parts)}" if parts else ""

    @property
    def scale(self) -> str:
        """What the colours mean, in words."""
        return f"white {self.largest:.2g}, black {-self.largest:.2g}" if self.first else f"up to ±{self.largest:.2g}"

    @property
    def words(self) -> list[str]:
        """All that is written beside the picture, a line each, below the name."""
        return [self.size, self.scale, *([self.cut] if self.cut else [])]

    @property
    def largest(self) -> float:
        """The largest weight's magnitude, which has the full colour."""
        return float(np.abs(self.weights).max())


def filters_of(model: nn.Module) -> tuple[Filters, ...]:
    """Of every convolution of `model`, in its order; those that are shared, once."""
    found = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.Conv2d)]
    return tuple(
        Filters(name, module.weight.detach().cpu().numpy(), module.groups, index == 0)
        for index, (name, module) in enumerate(found)
    )


def picture_of(filters: Filters) -> Picture:
    """An RGBA picture (height, width, 4) with a pixel a weight. A row an output and a column an input; or, where each
    filter reads one channel, `ROW` filters a row. A clear pixel between filters, but none between those of 1x1.

    A first layer is in shades of grey: zero in the middle, white the largest. Else blue is above zero, vermilion below.
    """
    weights, (height, width) = filters.weights, filters.weights.shape[2:]
    if filters.alone:
        weights = _in_rows(weights[: MOST * ROW, 0])
    weights = weights[:MOST, :MOST] / (filters.largest or 1.0)
    gap = 0 if (height, width) == (1, 1) else 1
    rows, columns = weights.shape[:2]
    tiles = np.zeros((rows, columns, height + gap, width + gap, 4), np.uint8)
    tiles[:, :, :height, :width, :3] = _grey(weights) if filters.first else _diverging(weights)
    tiles[:, :, :height, :width, 3] = np.where(np.isnan(weights), 0, 255)
    picture = tiles.swapaxes(1, 2).reshape(rows * (height + gap), columns * (width + gap), 4)
    cropped: Picture = picture[: picture.shape[0] - gap, : picture.shape[1] - gap]
    return cropped


def _in_rows(weights: Weights) -> Weights:
    """(n, height, width) as (rows, `ROW` or n, height, width), with NaN for what is missing in the last row."""
    count, columns = len(weights), min(ROW, len(weights))
    rows = -(-count // columns)
    padded = np.full((rows * columns, *weights.shape[1:]), np.nan, np.float32)
    padded[:count] = weights
    return padded.reshape(rows, columns, *weights.shape[1:])


def _grey(weights: Weights) -> Picture:
    """Of weights from -1 to 1: (…, 3)."""
    shades = (np.nan_to_num(weights) + 1.0) * 127.5
    return np.repeat(shades.round().astype(np.uint8)[..., None], 3, axis=-1)


def _diverging(weights: Weights) -> Picture:
    """Of weights from -1 to 1: (…, 3)."""
    weights = np.nan_to_num(weights)[..., None]
    full = np.where(weights > 0, rgb(BLUE), rgb(VERMILION))
    colours: Picture = (255 + np.abs(weights) * (full - 255)).round().astype(np.uint8)
    return colours


def rgb(colour: str) -> NDArray[np.float32]:
    """(3,) of `#0072B2`."""
    return np.frombuffer(bytes.fromhex(colour[1:]), np.uint8).astype(np.float32)
