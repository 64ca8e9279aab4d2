"""What a training tells whoever watches it."""

import warnings
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Step:
    """Where an epoch stands after one step. Its loss is known at the end of the epoch: to ask before would make a GPU
    wait."""

    images: int
    lr: float


@dataclass(frozen=True, slots=True)
class EpochRow:
    """One row of `metrics.csv`. Losses are means per image, accuracies percent; training figures are those of the
    augmented images as they were trained on."""

    epoch: int
    lr: float
    """Learning rate of the last step."""
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    seconds: float
    images_per_second: float


class Observer:
    """Told of each event; shows nothing but warnings. Derive from it to show progress."""

    def warned(self, text: str) -> None:
        """Something the user should know, in one line. By default a Python warning."""
        warnings.warn(text, stacklevel=2)

    def started(self, run: Path, facts: str) -> None:
        """A training begins, or goes on."""

    def epoch_started(self, epoch: int, epochs: int, images: int) -> None:
        """Epoch `epoch` of `epochs`, counted from 1, with so many images."""

    def stepped(self, step: Step) -> None:
        """A step is done."""

    def epoch_ended(self, row: EpochRow) -> None:
        """An epoch is done and scored."""
