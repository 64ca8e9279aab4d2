"""What a grading tells those who watch it."""

from pathlib import Path

from tinymnist.errors import TinyMnistError
from tinymnist.notices import Notice, warn_in_python
from tinymnist.training.observer import EpochRow, Step
from tinymnist.training.records import Result


class GradingObserver:
    """Is told of each event of a grading, and by default only passes notices on. Trainings are told apart by the name
    of the submission and the seed."""

    def warned(self, notice: Notice) -> None:
        """There is something that the user should know. By default it becomes a Python warning."""
        warn_in_python(notice)

    def started(self, folder: Path, submissions: int, trainings: int, at_once: int) -> None:
        """So many trainings of so many submissions begin or go on."""

    def stepped(self, name: str, seed: int, step: Step) -> None:
        """A training has come as far as this. With several at once, not every step is told."""

    def epoch_ended(self, name: str, seed: int, row: EpochRow) -> None:
        """An epoch of one training is done and scored."""

    def ended(self, name: str, seed: int, outcome: Result | TinyMnistError) -> None:
        """A training is finished, or could not be."""
