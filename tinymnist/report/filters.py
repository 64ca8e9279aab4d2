"""The filters of a network, laid out as one picture per convolution, without matplotlib."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from tinymnist.model.basis import Conv2d
from tinymnist.plotting import BLUE, VERMILION
from tinymnist.text import shape_text

MOST = 32
"""Most filters shown in each direction; the rest are cut off."""
ROW = 16
"""Filters per row if each reads a single channel."""

Weights = NDArray[np.float32]
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Filters:
    """The filters of one convolution."""

    name: str
    """Name of the convolution in the network: `block1.conv1`."""
    weights: Weights
    """(output channels, input channels per group, height, width)."""
    groups: int
    first: bool
    """Whether the convolution reads the image itself."""

    @property
    def alone(self) -> bool:
        """Whether each filter reads a single channel: a grey image's, or depthwise."""
        return bool(self.weights.shape[1] == 1)

    @property
    def in_colour(self) -> bool:
        """Whether each filter reads red, green and blue of the image itself."""
        return self.first and bool(self.weights.shape[1] == 3)

    @property
    def size(self) -> str:
        """`6 to 8 channels, 3x3`."""
        outputs, inputs, *kernel = self.weights.shape
        kind = f", {self.groups} groups" if self.groups > 1 and not self.alone else ", depthwise"
        kind = "" if self.groups == 1 else kind
        return f"{inputs * self.groups} to {outputs} channels, {shape_text(tuple(kernel))}{kind}"

    @property
    def cut(self) -> str:
        """`the first 32 of 40 in`; empty if all filters are shown."""
        outputs, inputs = self.weights.shape[:2]
        limit = MOST * ROW if self.alone or self.in_colour else MOST
        parts = [f"{MOST} of {inputs} in"] * (inputs > MOST) + [f"{limit} of {outputs} out"] * (outputs > limit)
        return f"the first {', '.join(parts)}" if parts else ""

    @property
    def scale(self) -> str:
        """What the strongest colours mean: `up to ±1.1`."""
        if self.in_colour:
            return f"full colour {self.largest:.2g}, none {-self.largest:.2g}"
        return f"white {self.largest:.2g}, black {-self.largest:.2g}" if self.first else f"up to ±{self.largest:.2g}"

    @property
    def words(self) -> list[str]:
        """The lines of text below the name, beside the picture."""
        return [self.size, self.scale, *([self.cut] if self.cut else [])]

    @property
    def largest(self) -> float:
        """The magnitude of the largest weight, which is drawn in full colour."""
        return float(np.abs(self.weights).max())


def filters_of(model: nn.Module) -> tuple[Filters, ...]:
    """The filters of every convolution of `model`, in order; shared ones once."""
    found = [(name, module) for name, module in model.named_modules() if isinstance(module, Conv2d)]
    return tuple(
        Filters(name, module.weight.detach().cpu().numpy(), module.groups, index == 0)
        for index, (name, module) in enumerate(found)
    )


def picture_of(filters: Filters) -> Picture:
    """An RGBA picture (height, width, 4) with one pixel per weight: one row of filters per output channel and one
    column per input channel, or, if each filter reads a single channel or the colours of an image, `ROW` filters per
    row. One transparent pixel separates filters, except those of 1x1.

    The first layer is grey: zero is middle grey, the largest weight white; or it is in the colours that it reads. In
    other layers blue is above zero, vermilion below.
    """
    weights, (height, width) = filters.weights, filters.weights.shape[2:]
    if filters.in_colour:
        weights = _in_rows(weights[: MOST * ROW].transpose(0, 2, 3, 1))
    elif filters.alone:
        weights = _in_rows(weights[: MOST * ROW, 0])
    weights = weights[:MOST, :MOST] / (filters.largest or 1.0)
    gap = 0 if (height, width) == (1, 1) else 1
    rows, columns = weights.shape[:2]
    tiles = np.zeros((rows, columns, height + gap, width + gap, 4), np.uint8)
    if filters.in_colour:
        tiles[:, :, :height, :width, :3] = _shades(weights)
    else:
        tiles[:, :, :height, :width, :3] = _grey(weights) if filters.first else _diverging(weights)
    there = ~np.isnan(weights[..., 0] if filters.in_colour else weights)
    tiles[:, :, :height, :width, 3] = np.where(there, 255, 0)
    picture = tiles.swapaxes(1, 2).reshape(rows * (height + gap), columns * (width + gap), 4)
    cropped: Picture = picture[: picture.shape[0] - gap, : picture.shape[1] - gap]
    return cropped


def _in_rows(weights: Weights) -> Weights:
    """(n, height, width, …) as (rows, `ROW` or n, height, width, …); the last row is filled up with NaN."""
    count, columns = len(weights), min(ROW, len(weights))
    rows = -(-count // columns)
    padded = np.full((rows * columns, *weights.shape[1:]), np.nan, np.float32)
    padded[:count] = weights
    return padded.reshape(rows, columns, *weights.shape[1:])


def _grey(weights: Weights) -> Picture:
    """Greys (…, 3) for weights (…) from -1 to 1."""
    return np.repeat(_shades(weights)[..., None], 3, axis=-1)


def _shades(weights: Weights) -> Picture:
    """Levels (…) from 0 to 255 for weights (…) from -1 to 1."""
    shades: Picture = ((np.nan_to_num(weights) + 1.0) * 127.5).round().astype(np.uint8)
    return shades


def _diverging(weights: Weights) -> Picture:
    """Colours (…, 3) for weights (…) from -1 to 1."""
    weights = np.nan_to_num(weights)[..., None]
    full = np.where(weights > 0, rgb(BLUE), rgb(VERMILION))
    colours: Picture = (255 + np.abs(weights) * (full - 255)).round().astype(np.uint8)
    return colours


def rgb(colour: str) -> NDArray[np.float32]:
    """Red, green and blue (3,) of `#0072B2`."""
    return np.frombuffer(bytes.fromhex(colour[1:]), np.uint8).astype(np.float32)
