"""ShiftScaleRotate, Affine and flips for whole batches: random parameters are drawn as arrays, one value per image.

Distributions, signs and order are those of albumentations 2.0.8 (`Affine`, of which `ShiftScaleRotate` is a case, and
`create_affine_transformation_matrix`); the random numbers themselves differ.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tinymnist.data.warp import Warps, warp
from tinymnist.spec.augmentation import AffineOptions, AugmentStep, Batched, Flip, ShiftScaleRotateOptions, Warp

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Parameters:
    """Random parameters for n images, each an array (n,)."""

    applied: NDArray[np.bool_]
    scale_x: Floats
    scale_y: Floats
    shift_x: Floats
    """Whole pixels to the right."""
    shift_y: Floats
    """Whole pixels down."""
    angle: Floats
    """Degrees, counterclockwise as the image is seen."""
    shear_x: Floats
    """Degrees; x grows by tan(-shear_x) y."""
    shear_y: Floats


def is_affine(steps: Sequence[AugmentStep]) -> bool:
    """Whether `AffineAugmenter` can do all of the steps."""
    return all(isinstance(step.options, Batched) for step in steps)


def draw_parameters(options: Warp, n: int, height: int, width: int, random: np.random.Generator) -> Parameters:
    """Draws independently and uniformly for each image and axis; shifts are truncated to whole pixels."""
    scale, shift, angle, shear = _ranges(options)
    return Parameters(
        applied=random.random(n) < options.p,
        scale_x=random.uniform(*scale, n),
        scale_y=random.uniform(*scale, n),
        shift_x=np.trunc(random.uniform(*shift, n) * width),
        shift_y=np.trunc(random.uniform(*shift, n) * height),
        angle=random.uniform(*angle, n),
        shear_x=random.uniform(*shear, n),
        shear_y=random.uniform(*shear, n),
    )


def inverse_maps(drawn: Parameters, height: int, width: int) -> Floats:
    """Maps (n, 2, 3) from output (x, y, 1) to source (x, y), in pixels, whose centres are at whole numbers.

    A source pixel is scaled, rotated and sheared about the image's centre, ((width - 1) / 2, (height - 1) / 2), then
    shifted. The inverse of a singular map is 0, as in OpenCV.
    """
    angle = np.deg2rad(drawn.angle % 360)
    cos, sin = np.cos(angle), np.sin(angle)
    tan_x, tan_y = np.tan(np.deg2rad(-drawn.shear_x)), np.tan(np.deg2rad(-drawn.shear_y))
    with np.errstate(all="ignore"):  # a scale of 1e300 gives an empty image, and no error
        forward = np.array(
            [
                [(cos - tan_x * sin) * drawn.scale_x, (sin + tan_x * cos) * drawn.scale_y],
                [(tan_y * cos - sin) * drawn.scale_x, (tan_y * sin + cos) * drawn.scale_y],
            ]
        )
        (a, b), (c, d) = forward
        determinant = a * d - b * c
        inverse = np.array([[d, -b], [-c, a]]) * np.where(determinant == 0, 0.0, 1.0 / determinant)
        centre = np.array([[(width - 1) / 2], [(height - 1) / 2]])
        moved = centre + np.array([drawn.shift_x, drawn.shift_y])
        offset = np.where(determinant == 0, 0.0, centre - np.einsum("ijn,jn->in", inverse, moved))
    return np.ascontiguousarray(np.concatenate([inverse, offset[:, None]], axis=1).transpose(2, 0, 1))


class AffineAugmenter:
    """Applies ShiftScaleRotate, Affine and flips to whole batches; the same seed gives the same pixels on any device.

    It replaces `Augmenter` where `is_affine(steps)`. The result of each step is rounded to whole grey levels before the
    next, as in albumentations.
    """

    name = "batched"

    def __init__(self, steps: Sequence[AugmentStep], height: int, width: int) -> None:
        self._steps = [(step.name, step.options) for step in steps if isinstance(step.options, Batched)]
        self._size = height, width
        self.warp: Callable[[Tensor, Warps], Tensor] = warp
        """Resamples the images; an engine may put a faster function here that gives the same bits."""

    def draw(self, n: int, seed: int) -> list[Warps]:
        """Draws what each step does to each of n images. A step's draws do not depend on the steps before it."""
        return [
            self._draw(name, options, n, np.random.default_rng([seed, index]))
            for index, (name, options) in enumerate(self._steps)
        ]

    def __call__(self, images: Tensor, seed: int) -> Tensor:
        """Transforms images (N, C, H, W) uint8; the result has the same shape, type and device."""
        planes = images.flatten(0, 1)
        for warps in self.draw(len(images), seed):
            planes = self.warp(planes, warps.for_each_channel(images.shape[1]))
        return planes.view_as(images)

    def _draw(self, name: str, options: Batched, n: int, random: np.random.Generator) -> Warps:
        if isinstance(options, Flip):
            maps = np.repeat(_flip(name, *self._size)[None], n, axis=0)
            return Warps(random.random(n) < options.p, maps, "nearest", "constant", 0)
        drawn = draw_parameters(options, n, *self._size, random)
        return Warps(
            applied=drawn.applied,
            inverse=inverse_maps(drawn, *self._size),
            interpolation=options.interpolation,
            border_mode=options.border_mode,
            fill=round(options.fill),
        )


def _flip(name: str, height: int, width: int) -> Floats:
    if name == "HorizontalFlip":
        return np.array([[-1.0, 0.0, width - 1], [0.0, 1.0, 0.0]])
    return np.array([[1.0, 0.0, 0.0], [0.0, -1.0, height - 1]])


Range = tuple[float, float]


def _ranges(options: Warp) -> tuple[Range, Range, Range, Range]:
    """The ranges of scale, shift (as a share of the size), angle and shear (degrees)."""
    if isinstance(options, ShiftScaleRotateOptions):
        scale, shift, angle = options.scale_limit, options.shift_limit, options.rotate_limit
        return (1 - scale, 1 + scale), (-shift, shift), (-angle, angle), (0.0, 0.0)
    assert isinstance(options, AffineOptions)
    return options.scale, options.translate_percent, options.rotate, options.shear
