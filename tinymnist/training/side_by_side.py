"""Training the seeds of one series, or of several side by side."""

import os
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tinymnist.errors import DataError, RunError
from tinymnist.notices import Notice
from tinymnist.signals import stop_on_signals
from tinymnist.spec.dump import dump_spec
from tinymnist.statistics import summarize
from tinymnist.text import printable
from tinymnist.training.directory import RunDirectory, open_folder, refuse_link, seed_name
from tinymnist.training.lock import locked
from tinymnist.training.metrics import METRICS, write_series_metrics
from tinymnist.training.observer import EpochRow, SeriesObserver, Step
from tinymnist.training.records import RESULT, Declaration, Interval, Result, SeriesResult, write_record
from tinymnist.training.series import Series
from tinymnist.training.task import Conditions, Task
from tinymnist.training.worker import LAST_SECONDS
from tinymnist.training.workers import Workers, train_all


def train_side_by_side(
    several: Sequence[Series], workers: Workers, data_dir: Path | None, observer: SeriesObserver
) -> None:
    """Trains the seeds of several series that are not finished, those of one beside those of another, and writes the
    metrics and the result of each series as soon as it is complete. Raises as `train_series` does."""
    with ExitStack() as held:
        for series in several:
            held.enter_context(locked(series.path))
        stop = held.enter_context(stop_on_signals())
        left: dict[Path, int] = {}
        tasks: list[Task] = []
        for series in several:
            pending = _pending(series, data_dir, len(tasks))
            observer.started(series.path, series.spec, series.seeds, len(pending), workers.slots)
            left[series.path] = len(pending)
            tasks += pending
        by_path = {series.path: series for series in several}

        def ended(task: Task, result: Result) -> None:
            observer.seed_ended(result)
            left[task.path.parent] -= 1
            if not left[task.path.parent]:
                _complete(by_path[task.path.parent])

        for series in several:
            if not left[series.path]:  # killed between its last seed and its end
                _complete(series)
        train_all(tasks, workers, _Seeds([task.seed for task in tasks], observer), stop, ended)


class _Seeds:
    """Tells an observer of several trainings about the seeds of tasks, whose keys are their numbers."""

    def __init__(self, seeds: Sequence[int], observer: SeriesObserver) -> None:
        self._seeds, self._observer = seeds, observer

    def warned(self, notice: Notice) -> None:
        self._observer.warned(notice)

    def stepped(self, key: int, step: Step) -> None:
        self._observer.stepped(self._seeds[key], step)

    def epoch_ended(self, key: int, row: EpochRow) -> None:
        self._observer.epoch_ended(self._seeds[key], row)


def _pending(series: Series, data_dir: Path | None, first_key: int) -> list[Task]:
    """The seeds that are not finished, as tasks; what killed processes have left is put in order."""
    for staging in series.path.glob(f".{seed_name(0)[:-1]}*"):  # left by a process killed while it made a run
        shutil.rmtree(staging, ignore_errors=True)
    for run in _begun(series):
        _refuse_stranger(series, run)
        if not run.finished:
            with locked(run.path, LAST_SECONDS):  # a worker of a killed series may still write its last checkpoint
                pass
    seeds = [seed for seed in series.seeds if not (series.seed_path(seed) / RESULT).is_file()]
    conditions = _conditions(series.declaration, data_dir)
    numbered = enumerate(seeds, first_key)
    return [Task(key, series.seed_path(seed), series.spec, seed, conditions) for key, seed in numbered]


def _complete(series: Series) -> None:
    """Writes the metrics and the result of a series whose seeds are all finished."""
    write_series_metrics(series.seeds, [run.read_metrics() for run in series.runs], series.path / METRICS)
    write_record(_result(series), series.path / RESULT)


def _conditions(declared: Declaration, data_dir: Path | None) -> Conditions:
    return Conditions(
        dataset=declared.dataset,
        digest=None if declared.data is None else declared.data.digest,
        validation=declared.validation,
        initial=declared.initial,
        device=declared.device,
        threads=declared.threads,
        data_dir=data_dir,
    )


def _begun(series: Series) -> list[RunDirectory]:
    """The runs that exist by now."""
    begun = []
    for seed in series.seeds:
        path = series.seed_path(seed)
        if os.path.lexists(path):
            refuse_link(path)
            try:
                begun.append(open_folder(path))
            except RunError as error:
                raise DataError(f"{error}: move it away, then resume the series") from None
    return begun


def _refuse_stranger(series: Series, run: RunDirectory) -> None:
    """Raises `DataError` for a run that is not the one that the series declares."""
    declared, found = series.declaration, run.environment
    same = (
        run.path.name == seed_name(found.seed)
        and not run.path.is_symlink()
        and dump_spec(run.spec) == dump_spec(series.spec)
        and (found.dataset, found.validation) == (declared.dataset, declared.validation)
        and (found.checksums, found.data, found.teachers) == (declared.checksums, declared.data, declared.teachers)
        and found.initial == declared.initial
    )
    if not same:
        raise DataError(f"{run.path}: is not of this series: move it away, then resume the series")


def _result(series: Series) -> SeriesResult:
    for run in _begun(series):
        _refuse_stranger(series, run)
    results = [run.result for run in series.runs]
    first, accuracies = results[0], [result.accuracy for result in results]
    summary = summarize(accuracies)
    interval = summary.interval
    stops_early = series.spec.train.early_stopping is not None
    return SeriesResult(
        run=printable(str(series.path)),
        name=series.spec.name,
        parameters=first.parameters,
        dataset=first.dataset,
        data_digest=first.data_digest,
        warnings=first.warnings,
        scored_on=first.scored_on,
        chosen_on=first.chosen_on,
        images=first.n,
        epochs=max(result.epochs for result in results),
        epochs_by_seed=[result.epochs for result in results] if stops_early else None,
        best_epochs=[result.best_epoch or result.epochs for result in results] if stops_early else None,
        stopped_early=sum(result.stopped_early for result in results),
        seeds=list(series.seeds),
        accuracies=accuracies,
        losses=[result.loss for result in results],
        mean=summary.mean,
        std=summary.std,
        interval=None if interval is None else Interval(low=interval[0], high=interval[1]),
        n=summary.n,
        minimum=summary.minimum,
        maximum=summary.maximum,
        seconds=sum(result.seconds for result in results),
    )
