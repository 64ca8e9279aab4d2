"""ShiftScaleRotate, Affine and flips for whole batches: random parameters are drawn as arrays, one value per image.

Distributions, signs and order are those of albumentations 2.0.8 (`Affine`, of which `ShiftScaleRotate` is a case, and
`create_affine_transformation_matrix`); the random numbers themselves differ.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tinymnist.data.augment import Augmentation
from tinymnist.data.warp import Warps, warp
from tinymnist.numerics import Floats, sine_and_cosine, uniform
from tinymnist.spec.augmentation import AffineOptions, AugmentStep, Batched, Flip, ShiftScaleRotateOptions, Warp


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


def draw_parameters(options: Warp, n: int, height: int, width: int, seed: int) -> Parameters:
    """Draws independently and uniformly for each image and axis; shifts are truncated to whole pixels."""
    scale, shift, angle, shear = _ranges(options)
    drawn = iter(uniform(seed, 8, n))

    def between(low: float, high: float) -> Floats:
        share: Floats = next(drawn)
        return low + (high - low) * share

    return Parameters(
        applied=next(drawn) < options.p,
        scale_x=between(*scale),
        scale_y=between(*scale),
        shift_x=np.trunc(between(*shift) * width),
        shift_y=np.trunc(between(*shift) * height),
        angle=between(*angle),
        shear_x=between(*shear),
        shear_y=between(*shear),
    )


def inverse_maps(drawn: Parameters, height: int, width: int) -> Floats:
    """Maps (n, 2, 3) from output (x, y, 1) to source (x, y), in pixels, whose centres are at whole numbers.

    A source pixel is scaled, rotated and sheared about the image's centre, ((width - 1) / 2, (height - 1) / 2), then
    shifted. The inverse of a singular map is 0, as in OpenCV.
    """
    degrees = np.array([drawn.angle, -drawn.shear_x, -drawn.shear_y]) % 360
    sines, cosines = sine_and_cosine(degrees * (np.pi / 180))
    sin, cos = sines[0], cosines[0]
    tan_x, tan_y = sines[1:] / cosines[1:]
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
        offset = np.where(determinant == 0, 0.0, centre - (inverse[:, 0] * moved[0] + inverse[:, 1] * moved[1]))
    return np.ascontiguousarray(np.concatenate([inverse, offset[:, None]], axis=1).transpose(2, 0, 1))


def turned(degrees: float, n: int, height: int, width: int) -> Warps:
    """Turns n images counterclockwise about their centre, bilinearly, onto background of grey level 0."""
    none, one = np.zeros(n), np.ones(n)
    same = Parameters(np.full(n, True), one, one, none, none, np.full(n, degrees), none, none)
    return Warps(same.applied, inverse_maps(same, height, width), "linear", "constant", 0)


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
        return [self._draw(name, options, n, seed + (index << 32)) for index, (name, options) in enumerate(self._steps)]

    def __call__(self, images: Tensor, seed: int) -> Tensor:
        """Transforms images (N, C, H, W) uint8, all at once."""
        return self.augmentation(len(images), seed)(images, 0)

    def augmentation(self, n: int, seed: int) -> Augmentation:
        """Draws for n images at once, which costs far less than for each batch."""
        drawn = self.draw(n, seed)

        def augment(images: Tensor, first: int) -> Tensor:
            planes = images.flatten(0, 1)
            for warps in drawn:
                part = warps.of(slice(first, first + len(images)))
                planes = self.warp(planes, part.for_each_channel(images.shape[1]))
            return planes.view_as(images)

        return augment

    def _draw(self, name: str, options: Batched, n: int, seed: int) -> Warps:
        if isinstance(options, Flip):
            maps = np.repeat(_flip(name, *self._size)[None], n, axis=0)
            return Warps(uniform(seed, n) < options.p, maps, "nearest", "constant", 0)
        drawn = draw_parameters(options, n, *self._size, seed)
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
