"""Resamples batches of images under affine maps as OpenCV's `warpAffine` does, on any device, in integers.

OpenCV before 5 rounds source coordinates to 1/32 pixel. Experiments show that 5.0.0 (opencv-python-headless 5.0.0.93)
does not: for every interpolation, border mode and size tried, its pixels are those of exact coordinates and weights
(it computes in float32), rounded to the nearest grey level. `nearest` rounds a coordinate halfway between two pixels to
the even one. `cubic` is Keys' kernel with a = -0.75; with reflect, reflect_101 and wrap, its coordinates are clamped to
one image size, at least 16 pixels, beyond the image. A fill that is not a whole number is rounded. The reason:
opencv/opencv pull request 25984, "imgproc: add optimized warpAffine kernels for 8U/16U/32F + C1/C3/C4 inputs".

Here a map's six numbers become integers in 2^-32 pixel, a source coordinate is their exact sum, rounded once to 1/2048
pixel (`nearest`: to whole pixels), and weights are integers that add up to 2048. So all implementations (CPU, GPU, and
the C of `native/csrc/warp.h`) give the same pixels bit for bit, which differ from OpenCV's by at most one grey level
(`nearest`: not at all, unless a coordinate lies within float32's error of the middle between two pixels).
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

Interpolation = Literal["nearest", "linear", "cubic"]
BorderMode = Literal["constant", "replicate", "reflect", "reflect_101", "wrap"]

CHUNK = {"cpu": 2**16}
"""Pixels at once: few on the CPU, so that intermediate results stay in its cache."""

_ONE = 2048  # a pixel, in the unit of coordinates and weights
_FARTHEST = _ONE << 19  # coordinates end there
_TAPS = {"nearest": (0, 0), "linear": (0, 1), "cubic": (-1, 2)}  # first and last, relative to the coordinate's floor


@dataclass(frozen=True)
class Warps:
    """An affine map for each of n images, and how to resample them."""

    applied: NDArray[np.bool_]
    """(n,): whether the image is transformed."""
    inverse: NDArray[np.float64]
    """(n, 2, 3): output (x, y, 1) in pixels to source (x, y)."""
    interpolation: Interpolation
    border_mode: BorderMode
    fill: int

    def of(self, images: slice) -> "Warps":
        """The warps of some of the images."""
        return replace(self, applied=self.applied[images], inverse=self.inverse[images])

    def for_each_channel(self, channels: int) -> "Warps":
        """The warps of the (n · channels) planes of images (n, channels, H, W): those of an image are alike."""
        if channels == 1:
            return self
        return replace(
            self, applied=np.repeat(self.applied, channels), inverse=np.repeat(self.inverse, channels, axis=0)
        )


def fixed_point(inverse: NDArray[np.float64]) -> NDArray[np.int64]:
    """Maps (..., 2, 3) as integers in 2^-32 pixel, halves rounded away from 0, clipped so that a sum of three fits;
    NaN becomes 0."""
    limit = np.array([2.0**14, 2.0**14, 2.0**29])  # so images have at most 2^15 rows and columns
    scaled: NDArray[np.float64] = np.clip(np.nan_to_num(inverse), -limit, limit) * 2.0**32
    return (scaled + np.copysign(0.5, scaled)).astype(np.int64)


def warp(images: Tensor, warps: Warps) -> Tensor:
    """Resamples images (n, height, width) uint8, on their device; those that are not `applied` stay as they are."""
    result = images.clone()
    chosen = np.flatnonzero(warps.applied)
    if not len(chosen):
        return result
    index = torch.from_numpy(chosen).to(images.device)
    result[index] = resampled(images[index], torch.from_numpy(fixed_point(warps.inverse[chosen])), warps)
    return result


def maps_of_all(warps: Warps) -> Tensor:
    """Maps (n, 2, 3) int64 for `resampled`, the identity for images that are not `applied`: so that every batch takes
    the same operations."""
    identity = np.eye(2, 3)
    return torch.from_numpy(fixed_point(np.where(warps.applied[:, None, None], warps.inverse, identity)))


def resampled(images: Tensor, maps: Tensor, warps: Warps) -> Tensor:
    """Resamples all images (n, height, width) uint8 under maps (n, 2, 3) of `fixed_point`."""
    size = max(1, CHUNK.get(images.device.type, 2**24) // (images.shape[1] * images.shape[2]))
    parts = zip(images.split(size), maps.to(images.device).split(size), strict=True)
    return torch.cat([_sample(part, part_maps, warps) for part, part_maps in parts])


def _sample(images: Tensor, maps: Tensor, warps: Warps) -> Tensor:
    n, height, width = images.shape
    device = images.device
    first, last = _TAPS[warps.interpolation]
    x, y = torch.arange(width, device=device), torch.arange(height, device=device)[:, None]
    column, row = (
        _inside(_rounded(a * x, b * y + c, warps.interpolation), size, warps)
        for (a, b, c), size in zip(maps.permute(1, 2, 0)[..., None, None], (width, height), strict=True)
    )
    extended = _extended(images, warps)
    stride = extended.shape[2]
    start = torch.arange(n, dtype=torch.int32, device=device)[:, None, None] * (extended.shape[1] * stride)
    corner = ((row >> 11) * stride + (column >> 11) + (start + (last + 1) * (stride + 1))).flatten()
    flat = extended.flatten()

    def tap(down: int, right: int) -> Tensor:
        return flat[down * stride + right :].index_select(0, corner).view(n, height, width)

    if first == last:
        return tap(0, 0)
    across, downward = (_weights(position & (_ONE - 1), warps.interpolation) for position in (column, row))
    total = torch.full_like(column, _ONE * _ONE // 2)
    for down, weight in enumerate(downward):
        line = across[0] * tap(down, 0)
        for right in range(1, len(across)):
            line += across[right] * tap(down, right)
        total += line.mul_(weight)
    return (total >> 22).clamp_(0, 255).to(torch.uint8)


def _rounded(along: Tensor, across: Tensor, interpolation: Interpolation) -> Tensor:
    """Adds coordinates in 2^-32 pixel and rounds to 1/2048 pixel, or to whole ones."""
    if interpolation != "nearest":
        return (along + (across + 2**20)) >> 21
    position = along + across
    return ((position + ((position >> 32) & 1) + (2**31 - 1)) >> 32) * _ONE  # halves are rounded to even


def _period(size: int, border_mode: BorderMode) -> int:
    """The number of pixels after which a border mode repeats itself; 0 where it does not."""
    return {"wrap": size, "reflect": 2 * size, "reflect_101": max(1, 2 * size - 2)}.get(border_mode, 0)


def _inside(position: Tensor, size: int, warps: Warps) -> Tensor:
    """The coordinates as int32, moved so that all taps lie on the extended image and see the same pixels."""
    first, last = _TAPS[warps.interpolation]
    if period := _period(size, warps.border_mode):
        far = max(size, 16) * _ONE  # where cubic ends
        low, high = (-far, 2 * far) if warps.interpolation == "cubic" else (-_FARTHEST, _FARTHEST)
        return position.clamp_(low, high).int().remainder_(period * _ONE)
    return position.clamp_(-(last + 1) * _ONE, (size - first) * _ONE).int()


def _extended(images: Tensor, warps: Warps) -> Tensor:
    """The images, extended by all pixels that a tap may see: from -margin to margin beyond their size, or period."""
    first, last = _TAPS[warps.interpolation]
    margin = last - first + 1
    if warps.border_mode == "constant":
        return pad(images, (margin,) * 4, value=warps.fill)

    def line(size: int) -> Tensor:
        period = _period(size, warps.border_mode)
        place = torch.arange(-margin, (period or size) + margin, device=images.device)
        if not period:
            return place.clamp(0, size - 1)
        place %= period
        return torch.where(place < size, place, 2 * size - (1 if warps.border_mode == "reflect" else 2) - place)

    return images[:, line(images.shape[1])[:, None], line(images.shape[2])]


def _weights(t: Tensor, interpolation: Interpolation) -> tuple[Tensor, ...]:
    """Weights of the taps, which add up to 2048, for a position t / 2048 beyond the coordinate's floor."""
    s = _ONE - t
    if interpolation == "linear":
        return s, t
    u, v = t.long(), s.long()
    left, right = (((2**23 - 3 * p * q * q) >> 24).int() for p, q in ((u, v), (v, u)))
    middle = (((5 * u - 9 * _ONE) * u * u + 2**23) >> 24).int() + _ONE
    return left, middle, _ONE - left - middle - right, right
