"""Judging a trained network on a test set."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import torch

from tinymnist.data import Dataset, load_dataset, usable_name
from tinymnist.errors import UsageError
from tinymnist.training import Run, load_run
from tinymnist.training.environment import choose_device
from tinymnist.training.score import normalized, score

Z_95 = 1.959963984540054
"""97.5 % quantile of the normal distribution."""


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
    warn: Callable[[str], None] | None = None,
) -> Evaluation:
    """Scores a finished run, or the one in a directory, on the test set of `dataset`, by default the one it was
    trained beside. `warn` is told where `auto` falls back to mnist-5k.

    Raises `RunError` where the run is not finished, `UsageError` where the test images were among its training images,
    `DataError` for data or damage.
    """
    if not isinstance(run, Run):
        run = load_run(run)
    trained_on = run.environment.dataset
    chosen_device = choose_device(device)
    name = usable_name(trained_on if dataset is None else dataset)
    model = run.load_model()
    data = load_dataset(name, data_dir, warn)
    if (trained_on, data.name) == ("mnist", "mnist-5k"):
        raise UsageError(
            f"{run.path}: was trained on all of MNIST, which mnist-5k is a part of: evaluate it with --dataset mnist"
        )
    return _evaluation(run, model.to(chosen_device), data)


def _evaluation(run: Run, model: torch.nn.Module, data: Dataset) -> Evaluation:
    device = next(iter(model.parameters()), torch.empty(0)).device
    images = normalized(data.test.images, run.spec.train.normalize, device)
    scored = score(model, images, data.test.labels.to(device))
    classes = run.spec.classes
    pairs = data.test.labels * classes + scored.predictions
    confusion = torch.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
    return Evaluation(
        dataset=data.name,
        n=len(data.test),
        correct=scored.correct,
        loss=scored.loss,
        confusion=tuple(tuple(row) for row in confusion.tolist()),
    )


def wilson_interval(successes: int, trials: int, z: float = Z_95) -> tuple[float, float]:
    """Wilson's score interval for a proportion (E. B. Wilson 1927, JASA 22:209), both ends between 0 and 1."""
    share = successes / trials
    centre = share + z * z / (2 * trials)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)
