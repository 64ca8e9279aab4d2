"""Putting images through a network in batches, and scoring it on labelled ones."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from tinymnist.training.precision import exact_convolutions

BATCH_SIZE = 1000

Output = TypeVar("Output")


@dataclass(frozen=True, slots=True)
class Score:
    """Predictions for n images, and their mean loss."""

    loss: float
    """Mean cross-entropy per image, in nats."""
    predictions: Tensor
    """(n,) int64, on the CPU."""
    correct: int

    @property
    def accuracy(self) -> float:
        """Percent."""
        return 100.0 * self.correct / len(self.predictions)


@torch.no_grad()
def in_batches(compute: Callable[[Tensor], Output], images: Tensor) -> list[Output]:
    """Calls `compute` for images (N, ...), at most `BATCH_SIZE` at a time, without gradients. Returns all outputs."""
    with exact_convolutions():
        return [compute(batch) for batch in images.split(BATCH_SIZE)]


@torch.inference_mode()
def score(model: nn.Module, images: Tensor, labels: Tensor) -> Score:
    """Scores `model`, in evaluation mode, on normalised images (N, C, H, W) and labels (N,) on the same device."""
    was_training = model.training
    model.eval()
    loss = torch.zeros((), dtype=torch.float64 if images.device.type != "mps" else torch.float32, device=images.device)
    outputs = in_batches(model, images)
    model.train(was_training)
    for batch, expected in zip(outputs, labels.split(BATCH_SIZE), strict=True):
        loss += functional.cross_entropy(batch, expected, reduction="sum")
    predicted = torch.cat([batch.argmax(1) for batch in outputs])
    return Score(float(loss) / len(labels), predicted.cpu(), int((predicted == labels).sum()))
