"""Judging a trained network on a test set."""

import math
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor, nn
from torch.nn import functional

from tinymnist.errors import DataError, UsageError
from tinymnist.model.pixels import normalized
from tinymnist.notices import Warn, warn_in_python
from tinymnist.spec.recipe import Normalize
from tinymnist.statistics import wilson_interval
from tinymnist.training import Run, load_run
from tinymnist.training.memory import enough_memory, refuse_too_large
from tinymnist.training.score import Score, in_batches, score
from tinymnist.training.trained import TrainedNetwork, open_trained
from tinymnist.training.unfinished import Reached

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
        """The number of views per image; the work grows with it."""
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
    """Mean cross-entropy per image, in nats."""
    class_names: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Counts: one row per true class, one column per predicted class."""
    shifts: ShiftedEvaluation | None = None
    """The figures with test-time shifts, where they were asked for; all other figures are without."""
    unfinished: Reached | None = None
    """How far the training is, where it is not finished."""

    @property
    def accuracy(self) -> float:
        return 100.0 * self.correct / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """95 % Wilson interval of the accuracy."""
        low, high = wilson_interval(self.correct, self.n)
        return 100.0 * low, 100.0 * high

    @property
    def accuracy_by_class(self) -> tuple[float | None, ...]:
        """None for a class of which there is no image."""
        return tuple(100.0 * row[index] / sum(row) if any(row) else None for index, row in enumerate(self.confusion))

    @property
    def balanced_accuracy(self) -> float:
        """The mean of `accuracy_by_class` over the classes that the images hold, however many images each has, as
        scikit-learn's `balanced_accuracy_score` gives it."""
        return fmean(accuracy for accuracy in self.accuracy_by_class if accuracy is not None)

    @property
    def macro_f1(self) -> float:
        """Percent: the mean over classes of F1, the harmonic mean of precision and recall.

        A class that occurs but is never predicted, or is predicted but never occurs, counts as 0; one that does neither
        is left out. scikit-learn's `f1_score` gives the same with `average="macro", zero_division=0`.
        """
        columns = zip(*self.confusion, strict=True)
        sizes = [sum(row) + sum(column) for row, column in zip(self.confusion, columns, strict=True)]
        return fmean(200.0 * self.confusion[label][label] / size for label, size in enumerate(sizes) if size)


def evaluate(
    run: Run | str | PathLike[str],
    *,
    dataset: str | None = None,
    data_dir: Path | None = None,
    device: str = "auto",
    shifts: int = 0,
    warn: Warn = warn_in_python,
) -> Evaluation:
    """Scores a run, or the one in a directory, on the test set of `dataset`, by default the data set that it was
    trained on; with `shifts`, also with test-time shifts of up to so many pixels. A run that is not finished is scored
    as its last checkpoint has it. `warn` is called where `auto` means mnist-5k.

    Raises `RunError` where the run is not finished and has no checkpoint yet, `UsageError` where the test images were
    among its training images, `DataError` for data or damage.
    """
    if not isinstance(run, Run):
        run = load_run(run)
    if not 0 <= shifts <= MAX_SHIFTS:
        raise UsageError(f"--shifts {shifts}: expects a number from 0 to {MAX_SHIFTS}")
    (trained,) = open_trained([run], dataset, data_dir, device, warn, unfinished=True)
    evaluation = evaluation_of(trained, score_on_test(trained))
    return replace(evaluation, shifts=_with_shifts(trained, shifts)) if shifts else evaluation


def score_on_test(trained: TrainedNetwork) -> Score:
    """Predictions for the test images, and their loss. Raises `DataError` where the loss is not a finite number."""
    run, test, device = trained.run, trained.data.test, trained.device
    if device.type == "cpu":
        refuse_too_large(run.spec)
    images = normalized(test.images, run.spec.train.normalize, device)
    with enough_memory():
        scored = score(trained.model, images, test.labels.to(device))
    if not math.isfinite(scored.loss):
        raise DataError(f"{run.path}: damaged: its network's outputs are not finite numbers: train it or copy it again")
    return scored


def evaluation_of(trained: TrainedNetwork, scored: Score) -> Evaluation:
    """The figures of a network that has been scored on its test images."""
    test = trained.data.test
    return Evaluation(
        dataset=trained.data.name,
        n=len(test),
        correct=scored.correct,
        loss=scored.loss,
        class_names=trained.run.class_names,
        confusion=confusion_matrix(scored.predictions, test.labels, trained.run.spec.classes),
        unfinished=trained.reached,
    )


def confusion_matrix(predictions: Tensor, labels: Tensor, classes: int) -> tuple[tuple[int, ...], ...]:
    """Counts of predictions and labels, both (n,) int64: one row per true class, one column per predicted class."""
    pairs = labels * classes + predictions
    counts = torch.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
    return tuple(tuple(row) for row in counts.tolist())


def _with_shifts(trained: TrainedNetwork, pixels: int) -> ShiftedEvaluation:
    test = trained.data.test.to(trained.device)
    normalize = trained.run.spec.train.normalize
    predictions = shifted_probabilities(trained.model, test.images, normalize, pixels).argmax(1)
    return ShiftedEvaluation(pixels, len(test), int((predictions == test.labels).sum()))


def shifted_probabilities(model: nn.Module, images: Tensor, normalize: Normalize, pixels: int) -> Tensor:
    """Probabilities (N, classes) that `model`, in evaluation mode, gives for uint8 images (N, C, H, W) on its device,
    averaged over all (2 pixels + 1)² shifts by -pixels to pixels on each axis. Pixels that a shift uncovers are
    background, grey level 0."""
    height, width = images.shape[2:]
    offsets = range(2 * pixels + 1)

    def average(batch: Tensor) -> Tensor:
        padded = functional.pad(batch, [pixels] * 4)
        views = [padded[:, :, top : top + height, left : left + width] for top in offsets for left in offsets]
        outputs = [model(normalized(view, normalize, images.device)) for view in views]
        return torch.stack(outputs).softmax(2).mean(0)  # outputs may be log-probabilities, which softmax undoes

    return torch.cat(in_batches(average, images))
