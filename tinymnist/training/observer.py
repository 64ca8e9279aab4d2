"""What a training tells whoever watches it."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ConfigDict

from tinymnist.spec import Spec

if TYPE_CHECKING:
    from tinymnist.training.records import Result


@dataclass(frozen=True, slots=True)
class Step:
    """Where an epoch stands after one step. Its loss is known at the end of the epoch: to ask before would make a GPU
    wait."""

    images: int
    lr: float


@dataclass(frozen=True, slots=True)
class EpochRow:
    """One row of `metrics.csv`. Losses are means per image, accuracies percent; training figures are those of the
    augmented images as they were trained on, and `eval_` those of the test images, or of `--validation`."""

    __pydantic_config__ = ConfigDict(allow_inf_nan=False)

    epoch: int
    lr: float
    """Learning rate of the last step."""
    train_loss: float
    train_accuracy: float
    eval_loss: float
    eval_accuracy: float
    seconds: float
    images_per_second: float


class Observer:
    """Told of each event; shows nothing but warnings. Derive from it to show progress."""

    def warned(self, text: str) -> None:
        """Something the user should know, in one line. By default a Python warning."""
        warnings.warn(text, stacklevel=2)

    def started(self, run: Path, scored_on: str, facts: str) -> None:
        """A training begins, or goes on, and will score `test` or `validation` images after every epoch."""

    def epoch_started(self, epoch: int, epochs: int, images: int) -> None:
        """Epoch `epoch` of `epochs`, counted from 1, with so many images."""

    def stepped(self, step: Step) -> None:
        """A step is done."""

    def epoch_ended(self, row: EpochRow) -> None:
        """An epoch is done and scored."""


class SeriesObserver:
    """Told of the events of a series; shows nothing but warnings, each once."""

    def __init__(self) -> None:
        self._warned: set[str] = set()

    def warned(self, text: str) -> None:
        """Something the user should know, in one line; seeds often have the same to say."""
        if text not in self._warned:
            self._warned.add(text)
            self.warned_first(text)

    def warned_first(self, text: str) -> None:
        """A warning that was not given before. By default a Python warning."""
        warnings.warn(text, stacklevel=3)

    def started(self, path: Path, spec: Spec, seeds: Sequence[int], pending: int, jobs: int) -> None:
        """A series begins, or goes on with `pending` of its seeds, `jobs` at a time."""

    def epoch_ended(self, seed: int, row: EpochRow) -> None:
        """An epoch of one seed is done and scored."""

    def seed_ended(self, result: "Result") -> None:
        """A seed is finished."""
