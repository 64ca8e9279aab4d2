"""Scoring a network on labelled images."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from tinymnist.spec.recipe import Normalize

BATCH_SIZE = 1000


@dataclass(frozen=True, slots=True)
class Score:
    """Predictions for n images, and their mean loss."""

    loss: float
    """Mean cross-entropy an image, in nats."""
    predictions: Tensor
    """(n,) int64, on the CPU."""
    correct: int

    @property
    def accuracy(self) -> float:
        """Percent."""
        return 100.0 * self.correct / len(self.predictions)


def normalized(images: Tensor, normalize: Normalize, device: torch.device) -> Tensor:
    """uint8 images (N, H, W) as the network takes them: float32 (N, 1, H, W), (pixel / 255 - mean) / std."""
    scale, shift = normalize.scale_and_shift
    return images.to(device).unsqueeze(1).float().mul_(scale).add_(shift)


@torch.inference_mode()
def score(model: nn.Module, images: Tensor, labels: Tensor) -> Score:
    """Scores `model`, in evaluation mode, on normalised images (N, 1, H, W) and labels (N,) on the same device."""
    was_training = model.training
    model.eval()
    loss = torch.zeros((), dtype=torch.float64 if images.device.type != "mps" else torch.float32, device=images.device)
    predictions = []
    for batch, expected in zip(images.split(BATCH_SIZE), labels.split(BATCH_SIZE), strict=True):
        outputs = model(batch)
        loss += functional.cross_entropy(outputs, expected, reduction="sum")
        predictions.append(outputs.argmax(1))
    model.train(was_training)
    predicted = torch.cat(predictions)
    return Score(float(loss) / len(labels), predicted.cpu(), int((predicted == labels).sum()))
