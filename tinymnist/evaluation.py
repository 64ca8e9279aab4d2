"""Judging a trained network on a test set."""

import math
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

from tinymnist.errors import DataError
from tinymnist.model.pixels import normalized
from tinymnist.notices import Warn, warn_in_python
from tinymnist.statistics import wilson_interval
from tinymnist.training import Run, load_run
from tinymnist.training.memory import enough_memory, refuse_too_large
from tinymnist.training.score import Score, score
from tinymnist.training.trained import TrainedNetwork, open_trained
from tinymnist.training.unfinished import Reached
from tinymnist.views import Views, mean_probabilities


@dataclass(frozen=True, slots=True)
class ViewsEvaluation:
    """Figures of one network whose probabilities are averaged over several views of each image."""

    views: Views
    n: int
    correct: int

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
    several: ViewsEvaluation | None = None
    """The figures with several views of each image, where they were asked for; all other figures are with one."""
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
    turn: float = 0.0,
    warn: Warn = warn_in_python,
) -> Evaluation:
    """Scores a run, or the one in a directory, on the test set of `dataset`, by default the data set that it was
    trained on; with `shifts` or `turn`, also with `Views` of each image. A run that is not finished is scored as its
    last checkpoint has it. `warn` is called where `auto` means mnist-5k.

    Raises `RunError` where the run is not finished and has no checkpoint yet, `UsageError` where the test images were
    among its training images, `DataError` for data or damage.
    """
    if not isinstance(run, Run):
        run = load_run(run)
    views = Views(shifts, turn)
    (trained,) = open_trained([run], dataset, data_dir, device, warn, unfinished=True)
    evaluation = evaluation_of(trained, score_on_test(trained))
    return replace(evaluation, several=with_views(trained, views)) if views.count > 1 else evaluation


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


def with_views(trained: TrainedNetwork, views: Views) -> ViewsEvaluation:
    """Scores a network on the mean probabilities of several views of each image."""
    test = trained.data.test.to(trained.device)
    predictions = mean_probabilities(trained.model, test.images, trained.run.spec.train.normalize, views).argmax(1)
    return ViewsEvaluation(views, len(test), int((predictions == test.labels).sum()))
