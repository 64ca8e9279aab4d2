"""A training as a task, which any process can take up."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from tinymnist.errors import TooSlowError
from tinymnist.notices import Notice
from tinymnist.spec import Spec
from tinymnist.training.api import resume, train
from tinymnist.training.initial import reopen_initial
from tinymnist.training.observer import EpochRow, Observer, Start, Step
from tinymnist.training.records import Initial, Result


@dataclass(frozen=True)
class Conditions:
    """What trainings that belong together have in common: the images, where they start from, and where they run."""

    dataset: str
    digest: str | None
    """Of the data set; None where series of earlier versions recorded none."""
    validation: int
    initial: Initial | None
    device: str
    threads: int | None
    """CPU threads of each training; None: PyTorch's choice."""
    data_dir: Path | None
    limit: float | None = None
    """Seconds after which a training is given up; None: never."""


@dataclass(frozen=True)
class Task:
    """A training that makes a run directory, or goes on with the one that is there."""

    key: int
    """What reports call it: in a series, the seed."""
    path: Path
    spec: Spec
    seed: int
    conditions: Conditions


def train_task(task: Task, observer: Observer) -> Result:
    """Trains or resumes. Raises as `train` does, and `TooSlowError`."""
    asked = task.conditions
    observer = observer if asked.limit is None else Limited(observer, asked.limit)
    if os.path.lexists(task.path):
        run = resume(task.path, data_dir=asked.data_dir, threads=asked.threads, observer=observer)
    else:
        run = train(
            task.spec,
            seed=task.seed,
            dataset=asked.dataset,
            data_dir=asked.data_dir,
            validation=asked.validation,
            initial=None if asked.initial is None else reopen_initial(asked.initial, str(task.path)).path,
            output=task.path.parent,
            name=task.path.name,
            device=asked.device,
            threads=asked.threads,
            observer=observer,
        )
    return run.result


class Limited(Observer):
    """Passes everything on to another observer, and ends a training that takes longer than `seconds`."""

    def __init__(self, observer: Observer, seconds: float) -> None:
        self._observer, self._seconds = observer, seconds
        self._began = time.monotonic()

    def warned(self, notice: Notice) -> None:
        self._observer.warned(notice)

    def started(self, start: Start) -> None:
        self._observer.started(start)

    def epoch_started(self, epoch: int, epochs: int, images: int) -> None:
        self._observer.epoch_started(epoch, epochs, images)

    def stepped(self, step: Step) -> None:
        self._observer.stepped(step)
        if time.monotonic() - self._began > self._seconds:
            raise TooSlowError(f"not finished after {self._seconds:g} s, in epoch {step.epoch}")

    def epoch_ended(self, row: EpochRow) -> None:
        self._observer.epoch_ended(row)
