"""Progress of a grading on stderr: a bar over the trainings, a line for each that is finished."""

from pathlib import Path
from typing import Any

from tqdm import tqdm

from tinymnist.cli.notices import say_notice
from tinymnist.cli.progress import Silence
from tinymnist.console import say, shows_bars
from tinymnist.errors import TinyMnistError
from tinymnist.grading.observer import GradingObserver
from tinymnist.notices import Notice
from tinymnist.text import counted, printable
from tinymnist.training.observer import EpochRow, Step
from tinymnist.training.records import Result


class GradingProgress(GradingObserver):
    """Shows events on stderr; no progress bar where that is not a terminal."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._silence = Silence()
        self._noticed: set[Notice] = set()

    def __enter__(self) -> "GradingProgress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def warned(self, notice: Notice) -> None:
        if notice not in self._noticed:
            self._noticed.add(notice)
            say_notice(notice)

    def started(self, folder: Path, submissions: int, trainings: int, at_once: int) -> None:
        say(f"{folder}: {counted(submissions, 'submission')}, {counted(trainings, 'training')}, {at_once} at once")
        self._bar = tqdm(total=trainings, unit=" trainings", leave=False, disable=not shows_bars())

    def stepped(self, name: str, seed: int, step: Step) -> None:
        if self._bar.disable and self._silence.is_long():
            self._silence.end(printable(f"{name}, seed {seed}, epoch {step.epoch}: {step.images:,} images so far"))

    def epoch_ended(self, name: str, seed: int, row: EpochRow) -> None:
        line = printable(f"{name}, seed {seed}, epoch {row.epoch}: {row.eval_accuracy:.2f} %")
        if self._bar.disable and self._silence.is_long():
            self._silence.end(line)
        self._bar.set_postfix_str(line)

    def ended(self, name: str, seed: int, outcome: Result | TinyMnistError) -> None:
        found = f"{outcome.accuracy:.2f} %  {outcome.seconds:.0f} s" if isinstance(outcome, Result) else "not finished"
        self._bar.clear()
        self._silence.end(printable(f"{name}, seed {seed}: {found}"))
        self._bar.update()
