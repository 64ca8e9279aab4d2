"""What a training tells those who watch it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import ConfigDict, Field

from tinymnist.notices import Notice, warn_in_python
from tinymnist.spec import Spec

if TYPE_CHECKING:
    from tinymnist.training.records import Result


@dataclass(frozen=True, slots=True)
class Start:
    """A training that begins or resumes."""

    path: Path
    spec: Spec
    scored_on: Literal["test", "validation"]
    """The images that are scored after every epoch."""
    dataset: str
    held_out: int
    """Training images that are scored instead of the test set; 0: none."""
    seed: int
    device: str
    threads: int
    engine: str
    augmentation: str
    initial: str | None
    """The path of the trained network that it starts from; None: random weights."""


@dataclass(frozen=True, slots=True)
class Step:
    """The place in an epoch after one step. The loss is known only at the end of the epoch: reading it earlier would
    make a GPU wait."""

    epoch: int
    """Counted from 1."""
    images: int
    """Images seen in this epoch."""
    lr: float


Percent = Annotated[float, Field(ge=0, le=100)]


@dataclass(frozen=True, slots=True)
class EpochRow:
    """One row of `metrics.csv`. Losses are means per image, accuracies percent. The training figures are those of the
    augmented images, with dropout, while they were trained on; the `eval_` figures are those of the test set, or of the
    images held out, after the epoch."""

    __pydantic_config__ = ConfigDict(allow_inf_nan=False)

    epoch: int
    lr: float
    """Learning rate of the last step."""
    train_loss: float
    train_accuracy: Percent
    eval_loss: float
    eval_accuracy: Percent
    seconds: float
    images_per_second: float
    clean_train_accuracy: Percent | None = None
    """Accuracy on a sample of the training images after the epoch, without augmentation and dropout, so that it can be
    compared with `eval_accuracy`; None in rows of earlier versions."""


class Observer:
    """Is told of each event of a training, and by default only passes notices on. Derive from it to show progress."""

    def warned(self, notice: Notice) -> None:
        """There is something that the user should know. By default it becomes a Python warning."""
        warn_in_python(notice)

    def started(self, start: Start) -> None:
        """The training begins or resumes."""

    def epoch_started(self, epoch: int, epochs: int, images: int) -> None:
        """Epoch `epoch` of `epochs`, counted from 1, begins; it has `images` images."""

    def stepped(self, step: Step) -> None:
        """A step is done."""

    def epoch_ended(self, row: EpochRow) -> None:
        """An epoch is done and scored."""


class SeriesObserver:
    """Is told of the events of a series, and by default only passes notices on, each once."""

    def __init__(self) -> None:
        self._noticed: set[Notice] = set()

    def warned(self, notice: Notice) -> None:
        """There is something that the user should know; several seeds often give the same notice."""
        if notice not in self._noticed:
            self._noticed.add(notice)
            self.warned_first(notice)

    def warned_first(self, notice: Notice) -> None:
        """A notice is given for the first time. By default it becomes a Python warning."""
        warn_in_python(notice)

    def started(self, path: Path, spec: Spec, seeds: Sequence[int], pending: int, jobs: int) -> None:
        """The series begins or resumes, with `pending` of its seeds to train, `jobs` at a time."""

    def stepped(self, seed: int, step: Step) -> None:
        """A seed has come as far as this. With several seeds at once, not every step is told."""

    def epoch_ended(self, seed: int, row: EpochRow) -> None:
        """An epoch of one seed is done and scored."""

    def seed_ended(self, result: "Result") -> None:
        """A seed is finished."""
