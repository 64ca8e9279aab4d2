"""Transforms of training images: the entries of `train.augment`."""

import re
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, Strict, model_validator

from tinymnist.spec.base import Model
from tinymnist.text import shown


class Warp(Model):
    """Options that the affine transforms share. Names and meanings are albumentations'."""

    interpolation: Literal["nearest", "linear", "cubic"] = Field("linear", description="How pixels are resampled.")
    border_mode: Literal["constant", "replicate", "reflect", "reflect_101", "wrap"] = Field(
        "constant", description="What lies outside the image."
    )
    fill: float = Field(0.0, ge=0, le=255, description="Grey level outside the image where border_mode is constant.")
    p: float = Field(0.5, ge=0, le=1, description="Probability that an image is transformed.")


class ShiftScaleRotateOptions(Warp):
    """Random shift, scale and rotation, each drawn uniformly from -limit to limit."""

    shift_limit: float = Field(0.0625, ge=0, le=1, description="Shift on each axis, as a share of the image's size.")
    scale_limit: float = Field(0.05, ge=0, lt=1, description="Scale, as a difference from 1.")
    rotate_limit: float = Field(12.0, ge=0, le=180, description="Rotation in degrees.")


Range = Annotated[tuple[float, float], Strict(False)]


class AffineOptions(Warp):
    """Random affine transform; each value is drawn uniformly from [lowest, highest]."""

    scale: Range = Field((1.0, 1.0), description="Scale; 1 keeps the size.")
    translate_percent: Range = Field((0.0, 0.0), description="Shift on each axis, as a share of the image's size.")
    rotate: Range = Field((0.0, 0.0), description="Rotation in degrees.")
    shear: Range = Field((0.0, 0.0), description="Shear on each axis, in degrees.")

    @model_validator(mode="after")
    def _ranges_rise(self) -> "AffineOptions":
        for key in ("scale", "translate_percent", "rotate", "shear"):
            low, high = getattr(self, key)
            if low > high:
                raise ValueError(f"{key} is [lowest, highest]: {low} is above {high}")
        if self.scale[0] <= 0:
            raise ValueError("scale must be above 0")
        return self


class Flip(Model):
    """Options of a flip."""

    p: float = Field(0.5, ge=0, le=1, description="Probability that an image is flipped.")


Batched = Warp | Flip
"""Options of the transforms that tinymnist computes itself, for whole batches."""


class AugmentStep(Model):
    """One transform: `Name: {arguments}`.

    `ShiftScaleRotate`, `Affine`, `HorizontalFlip` and `VerticalFlip` are typed here. Any other name is a transform of
    albumentations, whose arguments are checked against the installed version before the first step of training.
    """

    model_config = ConfigDict(extra="allow")

    ShiftScaleRotate: ShiftScaleRotateOptions | None = Field(None, description="Random shift, scale and rotation.")
    Affine: AffineOptions | None = Field(None, description="Random affine transform.")
    HorizontalFlip: Flip | None = Field(None, description="Left and right changed over.")
    VerticalFlip: Flip | None = Field(None, description="Top and bottom changed over.")

    @model_validator(mode="after")
    def _one_transform(self) -> "AugmentStep":
        names = [name for name, options in self if options is not None]
        if len(names) != 1:
            raise ValueError(f"expects one transform, as in `- HorizontalFlip: {{p: 0.5}}`, found {len(names)}")
        name = names[0]
        if not re.fullmatch(r"[A-Z][A-Za-z0-9]{0,63}", name):
            raise ValueError(f"{shown(name)} is not the name of an albumentations transform")
        if not isinstance(self.options, dict | Batched):
            raise ValueError(f"{name} expects its arguments as a mapping, as in `{name}: {{p: 0.5}}`")
        return self

    @property
    def name(self) -> str:
        return next(name for name, options in self if options is not None)

    @property
    def options(self) -> Batched | dict[str, Any]:
        """Typed options of the transforms known here; the plain arguments of any other."""
        options: Batched | dict[str, Any] = getattr(self, self.name)
        return options


REFERENCE_AUGMENT = (AugmentStep(ShiftScaleRotate=ShiftScaleRotateOptions()),)
