"""What a report shows about one trained network: its scores, its mistakes and its filters."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tinymnist.data import Dataset, Split, load_dataset, usable_name
from tinymnist.evaluation import Evaluation, confusion_matrix, score_on_test, shifted_probabilities
from tinymnist.report.filters import Filters, filters_of
from tinymnist.text import images_text
from tinymnist.training import Run
from tinymnist.training.environment import choose_device

MOST_MISTAKES = 60
"""Most wrongly classified images that are shown, highest loss first."""


@dataclass(frozen=True)
class Mistake:
    """A wrongly classified image."""

    image: NDArray[np.uint8]
    """(height, width); 0 is the background."""
    index: int
    """Its place among the scored images, from 0."""
    label: int
    likeliest: tuple[tuple[int, float], tuple[int, float]]
    """The two likeliest classes, each with its probability."""


@dataclass(frozen=True)
class Inspection:
    """What was found out about a trained network."""

    evaluation: Evaluation
    scored_on: Literal["test", "validation"]
    mistakes: tuple[Mistake, ...]
    """At most `MOST_MISTAKES`."""
    filters: tuple[Filters, ...]

    @property
    def images(self) -> str:
        """`the 10,000 test images of mnist`."""
        return images_text(self.evaluation.n, self.scored_on, self.evaluation.dataset)

    @property
    def wrong(self) -> int:
        return self.evaluation.n - self.evaluation.correct


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `evaluate`."""

    dataset: str | None = None
    data_dir: Path | None = None
    device: str = "auto"
    warn: Callable[[str], None] | None = None


def loader(options: Options) -> Callable[[str], Dataset]:
    """A function that loads data sets by name, each once for all networks."""
    return cache(lambda name: load_dataset(name, options.data_dir, options.warn))


def look_at(run: Run, options: Options, load: Callable[[str], Dataset]) -> Inspection:
    """Scores a finished run on the test images of a data set, by default the one it was trained with. A run that held
    out images is scored on those, so that a recipe that is still being tuned is never judged by the test set.

    `load` loads a data set by name, as `loader` does. Raises as `evaluate` does.
    """
    device = choose_device(options.device)
    trained_on, validation = run.environment.dataset, run.environment.validation
    name = usable_name(trained_on if options.dataset is None else options.dataset)
    model = run.load_model().to(device)  # before the data: what is damaged is not worth a download
    data = load(name)
    held_out = validation and data.name == trained_on and options.dataset is None
    if held_out:
        data = data.hold_out(validation)
    scored = score_on_test(run, model, data, device)
    wrong = torch.nonzero(scored.predictions != data.test.labels).flatten()
    mistakes: tuple[Mistake, ...] = ()
    if len(wrong):
        images = data.test.images[wrong].to(device)
        mistakes = _mistakes(data.test, wrong, shifted_probabilities(model, images, run.spec.train.normalize, 0).cpu())
    return Inspection(
        Evaluation(
            dataset=data.name,
            n=len(data.test),
            correct=scored.correct,
            loss=scored.loss,
            confusion=confusion_matrix(scored.predictions, data.test.labels, run.spec.classes),
        ),
        "validation" if held_out else "test",
        mistakes,
        filters_of(model),
    )


def _mistakes(images: Split, wrong: Tensor, probabilities: Tensor) -> tuple[Mistake, ...]:
    """The mistakes among `images` at the places `wrong` (m,), where the network gives `probabilities` (m, classes)."""
    given = probabilities.gather(1, images.labels[wrong].unsqueeze(1)).squeeze(1)
    order = given.argsort(stable=True)[:MOST_MISTAKES]  # the loss is -log of this
    best, classes = probabilities[order].topk(2)
    return tuple(
        Mistake(
            images.images[place].numpy(),
            place,
            int(images.labels[place]),
            ((first, first_probability), (second, second_probability)),
        )
        for place, (first, second), (first_probability, second_probability) in zip(
            wrong[order].tolist(), classes.tolist(), best.tolist(), strict=True
        )
    )
