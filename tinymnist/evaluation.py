"""Judging a trained network on a test set."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from tinymnist.data import Dataset, load_dataset, usable_name
from tinymnist.errors import DataError, UsageError
from tinymnist.spec.recipe import Normalize
from tinymnist.statistics import wilson_interval
from tinymnist.training import Run, load_run
from tinymnist.training.environment import choose_device
from tinymnist.training.memory import enough_memory, refuse_too_large
from tinymnist.training.score import BATCH_SIZE, Score, normalized, score

MAX_SHIFTS = 3
"""Pixels; MNIST's digits are centred, and keep 4 pixels of background on each side."""


@dataclass(frozen=True, slots=True)
class ShiftedEvaluation:
    """Figures of one network whose probabilities are averaged over shifted views of each image."""

    pixels: int
    """Largest shift on each axis."""
    n: int
    correct: int

    @property
    def views(self) -> int:
        """Of each image; as many times the work."""
        return (2 * self.pixels + 1) ** 2

    @property
    def accuracy(self) -> float:
        """Percent."""
        return 100.0 * self.correct / self.n


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures of one network on one test set. Accuracies are percent."""

    dataset: str
    n: int
    correct: int
    loss: float
    """Mean cross-entropy an image, in nats."""
    confusion: tuple[tuple[int, ...], ...]
    """Counts; a row a true class, a column a predicted one."""
    shifts: ShiftedEvaluation | None = None
    """With test-time shifts, where they were asked for; all else here is without."""

    @property
    def accuracy(self) -> float:
        return 100.0 * self.correct / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """95 % Wilson interval of the accuracy."""
        low, high = wilson_interval(self.correct, self.n)
        return 100.0 * low, 100.0 * high

    @property
    def accuracy_by_class(self) -> tuple[float, ...]:
        return tuple(100.0 * row[index] / max(1, sum(row)) for index, row in enumerate(self.confusion))


def evaluate(
    run: Run | str | PathLike[str],
    *,
    dataset: str | None = None,
    data_dir: Path | None = None,
    device: str = "auto",
    shifts: int = 0,
    warn: Callable[[str], None] | None = None,
) -> Evaluation:
    """Scores a finished run, or the one in a directory, on the test set of `dataset`, by default the one it was
    trained beside; with `shifts`, also with test-time shifts of up to so many pixels. `warn` is told where `auto` falls
    back to mnist-5k.

    Raises `RunError` where the run is not finished, `UsageError` where the test images were among its training images,
    `DataError` for data or damage.
    """
    if not isinstance(run, Run):
        run = load_run(run)
    if not 0 <= shifts <= MAX_SHIFTS:
        raise UsageError(f"--shifts {shifts}: expects a number from 0 to {MAX_SHIFTS}")
    chosen_device = choose_device(device)
    name = usable_name(run.environment.dataset if dataset is None else dataset)
    model = run.load_model().to(chosen_device)  # before the data: what is damaged is not worth a download
    data = load_dataset(name, data_dir, warn)
    scored = score_on_test(run, model, data, chosen_device)
    return Evaluation(
        dataset=data.name,
        n=len(data.test),
        correct=scored.correct,
        loss=scored.loss,
        confusion=confusion_matrix(scored.predictions, data.test.labels, run.spec.classes),
        shifts=_with_shifts(run, model, data, chosen_device, shifts) if shifts else None,
    )


def score_on_test(run: Run, model: nn.Module, data: Dataset, device: torch.device) -> Score:
    """Predictions for the test images of `data`, and their loss, by the trained network `model` of `run`, which is on
    `device`. Raises `UsageError` where the test images were among its training images, and `DataError`
    for a network whose loss is no finite number."""
    refuse_training_images(run, data)
    if device.type == "cpu":
        refuse_too_large(run.spec)
    images = normalized(data.test.images, run.spec.train.normalize, device)
    with enough_memory():
        scored = score(model, images, data.test.labels.to(device))
    if not math.isfinite(scored.loss):
        raise DataError(f"{run.path}: damaged: its network answers with what is no number: train it or copy it again")
    return scored


def refuse_training_images(run: Run, data: Dataset) -> None:
    """Raises `UsageError` where the test images of `data` were among the training images of `run`."""
    if (run.environment.dataset, data.name) == ("mnist", "mnist-5k"):
        raise UsageError(
            f"{run.path}: was trained on all of MNIST, which mnist-5k is a part of: evaluate it with --dataset mnist"
        )


def confusion_matrix(predictions: Tensor, labels: Tensor, classes: int) -> tuple[tuple[int, ...], ...]:
    """Of two (n,) int64: counts, a row a true class, a column a predicted one."""
    pairs = labels * classes + predictions
    counts = torch.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
    return tuple(tuple(row) for row in counts.tolist())


def _with_shifts(run: Run, model: nn.Module, data: Dataset, device: torch.device, pixels: int) -> ShiftedEvaluation:
    images, labels = data.test.images.to(device), data.test.labels.to(device)
    predictions = shifted_probabilities(model, images, run.spec.train.normalize, pixels).argmax(1)
    return ShiftedEvaluation(pixels, len(labels), int((predictions == labels).sum()))


@torch.inference_mode()
def shifted_probabilities(model: nn.Module, images: Tensor, normalize: Normalize, pixels: int) -> Tensor:
    """Probabilities (N, classes) that `model`, in evaluation mode, gives to uint8 images (N, H, W) on its device,
    averaged over all (2 pixels + 1)² shifts by -pixels to pixels on each axis; what a shift uncovers is background,
    grey level 0."""
    height, width = images.shape[1:]
    offsets = range(2 * pixels + 1)
    means = []
    for batch in images.split(BATCH_SIZE):
        padded = functional.pad(batch, [pixels] * 4)
        views = [padded[:, top : top + height, left : left + width] for top in offsets for left in offsets]
        outputs = [model(normalized(view, normalize, images.device)) for view in views]
        means.append(torch.stack(outputs).softmax(2).mean(0))  # of logits, or of a log_softmax, which it undoes
    return torch.cat(means)
