"""Trains submissions with the grader's seeds; what goes wrong with one stops no other."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tinymnist.errors import DataError, Interrupted, TinyMnistError, TooLargeError
from tinymnist.grading.observer import GradingObserver
from tinymnist.notices import Notice
from tinymnist.signals import StopRequest
from tinymnist.spec import Spec
from tinymnist.spec.dump import dump_spec
from tinymnist.training import load_run
from tinymnist.training.observer import EpochRow, Step
from tinymnist.training.records import Result
from tinymnist.training.task import Conditions, Task
from tinymnist.training.workers import Workers


@dataclass
class Training:
    """The trainings of one submission."""

    name: str
    """Of the submission."""
    folder: Path
    spec: Spec
    seeds: Sequence[int]
    epochs: dict[int, list[float]] = field(default_factory=dict)
    """The accuracy after each epoch, by seed, of the seeds that are finished."""
    problem: TinyMnistError | None = None
    """Why one of them could not be finished."""


def folder_of(runs: Path, name: str, spec: Spec) -> Path:
    """Where a submission is trained: another one for each spec that is handed in under a name."""
    digest = hashlib.sha256(f"{name}\n{dump_spec(spec)}".encode()).hexdigest()
    return runs / f"{re.sub(r'[^A-Za-z0-9._-]+', '-', name).strip('.-')[:40]}-{digest[:10]}"


def train_submissions(
    trainings: Sequence[Training],
    conditions: Conditions,
    workers: Workers,
    observer: GradingObserver,
    stop: StopRequest,
) -> None:
    """Trains all seeds of all submissions side by side. Runs that are there already are gone on with.

    Raises `Interrupted` once `stop` is set, after each training has written a checkpoint; `DataError` for trouble with
    data or files, which is no submission's fault.
    """
    owners = [training for training in trainings for _ in training.seeds]
    seeds = [seed for training in trainings for seed in training.seeds]
    tasks = iter(
        Task(key, owner.folder / f"seed-{seed}", owner.spec, seed, conditions)
        for key, (owner, seed) in enumerate(zip(owners, seeds, strict=True))
    )
    told = _Told(owners, seeds, observer)
    problem: DataError | None = None
    while True:
        while not (stop or problem) and workers.room > 0 and (task := next(tasks, None)) is not None:
            if owners[task.key].problem is None:
                workers.submit([task])
        if not workers.busy:
            break
        if stop or problem:
            workers.stop()
        for task, outcome in workers.ended(told):
            owner = owners[task.key]
            if not isinstance(outcome, Interrupted):
                observer.ended(owner.name, task.seed, outcome)
            if isinstance(outcome, Result):
                owner.epochs[task.seed] = [row.eval_accuracy for row in load_run(task.path).read_metrics()]
            elif isinstance(outcome, DataError) and not isinstance(outcome, TooLargeError):
                problem = problem or outcome
            elif not isinstance(outcome, Interrupted):
                owner.problem = owner.problem or outcome
    if stop.signal_number is not None:
        raise Interrupted("stopped", stop.signal_number)
    if problem is not None:
        raise problem


class _Told:
    """Passes on what happens, with the seed."""

    def __init__(self, owners: Sequence[Training], seeds: Sequence[int], observer: GradingObserver) -> None:
        self._owners, self._seeds, self._observer = owners, seeds, observer

    def warned(self, notice: Notice) -> None:
        self._observer.warned(notice)

    def stepped(self, key: int, step: Step) -> None:
        self._observer.stepped(self._owners[key].name, self._seeds[key], step)

    def epoch_ended(self, key: int, row: EpochRow) -> None:
        self._observer.epoch_ended(self._owners[key].name, self._seeds[key], row)
