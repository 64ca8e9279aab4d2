"""What a report shows about one trained network: its scores, its mistakes and its filters."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tinymnist.data import Split
from tinymnist.evaluation import Evaluation, evaluation_of, score_on_test
from tinymnist.notices import Warn, warn_in_python
from tinymnist.report.filters import Filters, filters_of
from tinymnist.text import images_text
from tinymnist.training.trained import TrainedNetwork
from tinymnist.views import mean_probabilities

MOST_MISTAKES, FEWEST_MISTAKES = 60, 12
"""Most wrongly classified images that are shown, highest loss first; and how many at least, however large they are."""
MISTAKEN_BYTES = 500_000
"""Of pixels in all mistakes that are shown, before compression."""


@dataclass(frozen=True)
class Mistake:
    """A wrongly classified image."""

    image: NDArray[np.uint8]
    """(height, width), or (height, width, 3) in colour."""
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
    class_names: tuple[str, ...]
    ink: bool
    """Whether the images are grey ink on black, as MNIST's are, and are shown as ink on paper."""

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
    warn: Warn = warn_in_python


def look_at(trained: TrainedNetwork) -> Inspection:
    """Scores a network on its test images. Raises as `evaluate` does."""
    run, model, test = trained.run, trained.model, trained.data.test
    scored = score_on_test(trained)
    wrong = torch.nonzero(scored.predictions != test.labels).flatten()
    mistakes: tuple[Mistake, ...] = ()
    if len(wrong):
        images = test.images[wrong].to(trained.device)
        mistakes = _mistakes(test, wrong, mean_probabilities(model, images, run.spec.train.normalize).cpu())
    return Inspection(
        evaluation_of(trained, scored),
        trained.scored_on,
        mistakes,
        filters_of(model),
        run.class_names,
        ink=run.prepare == "mnist" and trained.data.shape[0] == 1,
    )


def _mistakes(images: Split, wrong: Tensor, probabilities: Tensor) -> tuple[Mistake, ...]:
    """The mistakes among `images` at the places `wrong` (m,), where the network gives `probabilities` (m, classes)."""
    given = probabilities.gather(1, images.labels[wrong].unsqueeze(1)).squeeze(1)
    fitting = MISTAKEN_BYTES // images.images[0].numel()
    most = min(MOST_MISTAKES, max(FEWEST_MISTAKES, fitting))
    order = given.argsort(stable=True)[:most]  # the loss is -log of this
    best, classes = probabilities[order].topk(2)
    return tuple(
        Mistake(
            images.images[place].permute(1, 2, 0).squeeze(2).numpy(),
            place,
            int(images.labels[place]),
            ((first, first_probability), (second, second_probability)),
        )
        for place, (first, second), (first_probability, second_probability) in zip(
            wrong[order].tolist(), classes.tolist(), best.tolist(), strict=True
        )
    )
