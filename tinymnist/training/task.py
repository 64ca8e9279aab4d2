"""A training as a task, which any process can take up."""

import os
from dataclasses import dataclass
from pathlib import Path

from tinymnist.spec import Spec
from tinymnist.training.api import resume, train
from tinymnist.training.initial import reopen_initial
from tinymnist.training.observer import Observer
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
    """Trains or resumes. Raises as `train` does."""
    asked = task.conditions
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
