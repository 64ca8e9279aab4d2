"""Augmentation by albumentations, one image at a time."""

import os
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tinymnist.errors import SpecError
from tinymnist.quiet import own_warning_filters
from tinymnist.spec.augmentation import AffineOptions, AugmentStep, Batched, Flip, ShiftScaleRotateOptions
from tinymnist.text import did_you_mean, shape_text, shown

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else its import looks for a newer version on the internet


Augmentation = Callable[[Tensor, int], Tensor]
"""Transforms a batch of an epoch's images, (N, C, H, W) uint8, of which the first has this number, from 0. The result
has the same shape, type and device."""


class Augmenter:
    """Applies the transforms of a recipe to batches of images; the same seed gives the same pixels.

    Raises `SpecError` at once for a transform or argument that the installed albumentations does not know, and for a
    transform whose result is not an image of the same size and type.
    """

    name = "albumentations"

    def __init__(self, steps: Sequence[AugmentStep], height: int, width: int, channels: int = 1) -> None:
        import albumentations

        shape = (height, width) if channels == 1 else (height, width, channels)
        for index, step in enumerate(steps):
            _try_out(step, f"train.augment[{index}].{step.name}", shape)
        self._compose = albumentations.Compose([_transform(step, {}) for step in steps])

    def __call__(self, images: Tensor, seed: int) -> Tensor:
        """Transforms images (N, C, H, W) uint8, all at once."""
        return self.augmentation(len(images), seed)(images, 0)

    def augmentation(self, n: int, seed: int) -> Augmentation:
        """Draws for each batch of n images as it comes."""

        def augment(images: Tensor, first: int) -> Tensor:
            self._compose.set_random_seed(seed + first)
            return self._transformed(images)

        return augment

    def _transformed(self, images: Tensor) -> Tensor:
        in_grey = images.shape[1] == 1
        plain = images.squeeze(1) if in_grey else images.permute(0, 2, 3, 1)
        transformed = [self._compose(image=image)["image"] for image in plain.contiguous().cpu().numpy()]
        for image in transformed:
            if image.shape != plain.shape[1:]:
                raise SpecError(f"train.augment: {_unfit(image, tuple(plain.shape[1:]))}")
        result = torch.from_numpy(np.stack(transformed)).to(images.device)
        return result.unsqueeze(1) if in_grey else result.permute(0, 3, 1, 2).contiguous()


def _is_transform(found: object) -> bool:
    import albumentations

    return isinstance(found, type) and issubclass(found, albumentations.BasicTransform)


def _try_out(step: AugmentStep, where: str, shape: tuple[int, ...]) -> None:
    """Makes the transform and applies it once, so that a mistake is found before the first step."""
    import albumentations

    if not _is_transform(getattr(albumentations, step.name, None)):
        known = [name for name, found in vars(albumentations).items() if _is_transform(found)]
        raise SpecError(
            f"{where}: albumentations {albumentations.__version__} has no such transform: {_nearest(step.name, known)}"
        )
    blank = np.zeros(shape, np.uint8)
    try:
        _transform(step, {})  # with the user's own `p`, which may be out of range
        result = _transform(step, {"p": 1.0})(image=blank)["image"]
    except Exception as error:  # the arguments are the user's, and each transform objects in its own way
        raise SpecError(f"{where}: {_one_line(error)}") from None
    if not isinstance(result, np.ndarray) or result.shape != blank.shape or result.dtype != blank.dtype:
        raise SpecError(f"{where}: {_unfit(result, shape)}")


def _unfit(result: Any, shape: tuple[int, ...]) -> str:
    form = f"{shape_text(tuple(result.shape))} {str(result.dtype).removeprefix('torch.')}"
    return f"gives {form}, not {shape_text(shape)} uint8: augmentation must keep size and type"


def _transform(step: AugmentStep, changes: dict[str, Any]) -> Any:
    import albumentations

    with own_warning_filters():
        # albumentations only warns about arguments it does not know; its other warnings are for programmers
        warnings.simplefilter("ignore", UserWarning)
        warnings.filterwarnings("error", r"Argument\(s\)", UserWarning)
        return getattr(albumentations, step.name)(**{**_arguments(step.options), **changes})


def _arguments(options: Batched | dict[str, Any]) -> dict[str, Any]:
    """The options as albumentations takes them."""
    if isinstance(options, dict):
        return options
    if isinstance(options, Flip):
        return {"p": options.p}
    import cv2

    shared = {
        "interpolation": getattr(cv2, f"INTER_{options.interpolation.upper()}"),
        "border_mode": getattr(cv2, f"BORDER_{options.border_mode.upper()}"),
        "fill": options.fill,
        "p": options.p,
    }
    if isinstance(options, ShiftScaleRotateOptions):
        return shared | {
            "shift_limit": options.shift_limit,
            "scale_limit": options.scale_limit,
            "rotate_limit": options.rotate_limit,
        }
    assert isinstance(options, AffineOptions)
    return shared | {
        "scale": options.scale,
        "translate_percent": options.translate_percent,
        "rotate": options.rotate,
        "shear": options.shear,
    }


def _nearest(name: str, known: list[str]) -> str:
    hint = did_you_mean(name, known)
    return hint if hint.startswith("did") else "see its documentation for the names"


def _one_line(error: Exception) -> str:
    """An error that may span many lines, as Pydantic's do, shortened to one."""
    text = str(error).replace(" for transform BasicTransform", "")
    lines = [line.strip() for line in text.splitlines() if line.strip() and "errors.pydantic.dev" not in line]
    return shown(" ".join(lines) or type(error).__name__, 200)[1:-1]
