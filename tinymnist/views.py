"""Several views of each image in place of one: the mean of what a network says of them is often better. It costs so
many times the work, and no parameters."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from tinymnist.data.affine import turned
from tinymnist.data.warp import warp
from tinymnist.errors import UsageError
from tinymnist.model.pixels import normalized
from tinymnist.spec.recipe import Normalize
from tinymnist.text import counted
from tinymnist.training.score import in_batches

MAX_SHIFTS = 3
"""Pixels; MNIST's digits are centred, and keep 4 pixels of background on each side."""
MAX_TURN = 45.0
"""Degrees."""


@dataclass(frozen=True, slots=True)
class Views:
    """Which views: each image as it is and turned, and each of these shifted. Raises `UsageError` beyond the limits."""

    shifts: int = 0
    """Largest shift on each axis, in pixels."""
    turn: float = 0.0
    """Degrees to either side; 0 for none."""

    def __post_init__(self) -> None:
        if not 0 <= self.shifts <= MAX_SHIFTS:
            raise UsageError(f"--shifts {self.shifts}: expects a number from 0 to {MAX_SHIFTS}")
        if not 0 <= self.turn <= MAX_TURN:
            raise UsageError(f"--turn {self.turn:g}: expects degrees from 0 to {MAX_TURN:g}")

    @property
    def count(self) -> int:
        """The number of views of each image; the work grows with it."""
        return (2 * self.shifts + 1) ** 2 * (3 if self.turn else 1)

    def __str__(self) -> str:
        moved = f"shifts of up to {counted(self.shifts, 'pixel')}" if self.shifts else ""
        turned = f"turns of {self.turn:g}° to either side" if self.turn else ""
        return (
            f"{' and '.join(filter(None, (moved, turned)))} (mean of {self.count} views, {self.count} times the work)"
        )

    def of(self, images: Tensor) -> list[Tensor]:
        """The views of uint8 images (N, C, H, W). What is uncovered is background, grey level 0."""
        height, width = images.shape[2:]
        planes = images.flatten(0, 1)
        sides = (-self.turn, self.turn) if self.turn else ()
        turns = [warp(planes, turned(degrees, len(planes), height, width)).view_as(images) for degrees in sides]
        padded = [functional.pad(view, [self.shifts] * 4) for view in (images, *turns)]
        offsets = range(2 * self.shifts + 1)
        return [
            view[:, :, top : top + height, left : left + width]
            for view in padded
            for top in offsets
            for left in offsets
        ]


ONE = Views()
"""Each image as it is."""


def mean_probabilities(model: nn.Module, images: Tensor, normalize: Normalize, views: Views = ONE) -> Tensor:
    """Probabilities (N, classes) that `model`, in evaluation mode, gives for uint8 images (N, C, H, W) on its device,
    averaged over `views`."""

    def mean(batch: Tensor) -> Tensor:
        outputs = [model(normalized(view, normalize, images.device)) for view in views.of(batch)]
        return torch.stack(outputs).softmax(2).mean(0)  # outputs may be log-probabilities, which softmax undoes

    return torch.cat(in_batches(mean, images))
