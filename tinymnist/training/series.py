"""A series: one spec trained with many seeds, in one directory that can be gone on with as a whole."""

import csv
import io
import os
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from datetime import datetime
from operator import index
from os import PathLike
from pathlib import Path

from tinymnist.check import enforce_budget
from tinymnist.data import usable_name
from tinymnist.errors import DataError, Interrupted, RunError, UsageError
from tinymnist.files import write_atomically
from tinymnist.signals import stop_on_signals
from tinymnist.spec import Spec
from tinymnist.spec.dump import dump_spec
from tinymnist.statistics import summarize
from tinymnist.text import printable
from tinymnist.training.api import gather, prepare_device
from tinymnist.training.lock import locked
from tinymnist.training.observer import EpochRow, SeriesObserver
from tinymnist.training.opening import load_run, load_runs
from tinymnist.training.pool import LAST_SECONDS, Task, train_at_once, train_in_turn
from tinymnist.training.records import (
    RESULT,
    SERIES,
    Declaration,
    Interval,
    SeriesResult,
    read_record,
    write_record,
)
from tinymnist.training.run import (
    METRICS,
    Run,
    create_folder,
    load_run_spec,
    open_folder,
    read_metrics,
    refuse_link,
    refuse_name,
    seed_name,
)
from tinymnist.training.seeds import LARGEST_SEED, MAX_SEEDS
from tinymnist.training.teacher import teacher_digests


@dataclass(frozen=True)
class Series:
    """The directory of a series, opened."""

    path: Path
    spec: Spec
    declaration: Declaration

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(self.declaration.seeds)

    @property
    def finished(self) -> bool:
        return os.path.isfile(self.path / RESULT)

    @property
    def result(self) -> SeriesResult:
        """What came of it. Raises `RunError` where seeds are not finished, `DataError` for damage."""
        if not self.finished:
            resume = f"tinymnist train --resume {shlex.quote(str(self.path))}"
            raise RunError(f"{self.path}: not finished: go on with `{resume}`")
        return read_record(SeriesResult, self.path / RESULT)

    @property
    def metrics_by_seed(self) -> list[list[EpochRow]]:
        """The epochs of each seed. Raises `DataError` where `metrics.csv` is missing or damaged."""
        return read_metrics(self.path / METRICS, len(self.seeds))

    def seed_path(self, seed: int) -> Path:
        return self.path / seed_name(seed)

    @property
    def runs(self) -> list[Run]:
        """The run of each seed. Raises `RunError` where one is missing, `DataError` for damage."""
        return load_runs(self.path)


def train_series(
    spec: Spec,
    seeds: Sequence[int],
    *,
    jobs: int | None = None,
    dataset: str = "auto",
    data_dir: Path | None = None,
    validation: int = 0,
    output: str | PathLike[str] = "runs",
    name: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    observer: SeriesObserver | None = None,
) -> Series:
    """Trains `spec` once with each seed and returns the finished series in `output/name`; each seed is a run there.

    `jobs` seeds are trained at once, each in a process of its own; by default as many as there are cores on a CPU, each
    on one thread, and one on a GPU. Otherwise as `training.train`, whose errors it raises; a seed that fails ends the
    series, and what others have finished is kept.
    """
    enforce_budget(spec)
    usable_name(dataset)
    seeds = _checked_seeds(seeds)
    jobs = _jobs(jobs, len(seeds), device)
    if name is None:
        name = f"{spec.name}-{datetime.now():%Y%m%d-%H%M%S}-{len(seeds)}seeds"
    refuse_name(Path(output), name)
    observer = observer or SeriesObserver()
    prepare_device(device, spec.train.engine, threads)
    found = gather(spec, dataset, data_dir, validation, observer.warned)  # before there is a folder, and once for all
    declaration = Declaration(
        seeds=seeds,
        dataset=found.data.name,
        checksums=found.data.checksums,
        validation=validation,
        teachers=teacher_digests(found.teachers),
        device=device,
        threads=1 if threads is None and jobs > 1 else threads,
    )
    path = create_folder(Path(output), name, dump_spec(spec), declaration, SERIES)
    return _train(Series(path, spec, declaration), jobs, data_dir, observer)


def resume_series(
    series: Series,
    *,
    seeds: Sequence[int] = (),
    jobs: int | None = None,
    data_dir: Path | None = None,
    observer: SeriesObserver | None = None,
) -> Series:
    """Goes on with the seeds that are not finished, and with those of `seeds` that are new to the series.

    Raises as `train_series` does, and `RunError` where there is to be more of a series whose runs are not there.
    """
    more = [seed for seed in _checked_seeds(seeds) if seed not in series.seeds] if seeds else []
    observer = observer or SeriesObserver()
    if more:
        declared = series.declaration
        found = gather(series.spec, declared.dataset, data_dir, declared.validation, observer.warned)
        if (found.data.checksums, teacher_digests(found.teachers)) != (declared.checksums, declared.teachers):
            raise DataError(f"{series.path}: its data or teachers have changed since it was begun: train a new series")
        series = _extended(series, more)  # only now: a finished series loses its result by it
    if series.finished:
        return series
    jobs = _jobs(jobs, len(series.seeds), series.declaration.device)
    return _train(series, jobs, data_dir, observer)


def _extended(series: Series, more: list[int]) -> Series:
    """The series declared anew, with more seeds. At no moment does its result speak of other seeds than it declares."""
    if series.finished and not all(os.path.isdir(series.seed_path(seed)) for seed in series.seeds):
        raise RunError(f"{series.path}: holds the figures alone, not the runs of its seeds: train a new series")
    seeds = _checked_seeds([*series.seeds, *more])
    declaration = series.declaration.model_copy(update={"seeds": seeds})
    with locked(series.path):
        try:
            (series.path / RESULT).unlink(missing_ok=True)
        except OSError as error:
            raise DataError(f"{series.path}: cannot be written: {error.strerror or error}") from None
        write_record(declaration, series.path / SERIES)
    return Series(series.path, series.spec, declaration)


def open_run(path: str | PathLike[str]) -> Run | Series:
    """Opens a run, as `load_run` does, or the directory of a series. Raises as `load_run` does."""
    folder = Path(path)
    if not os.path.lexists(folder / SERIES):
        return load_run(path)
    return Series(folder, load_run_spec(folder), read_record(Declaration, folder / SERIES))


def _train(series: Series, jobs: int, data_dir: Path | None, observer: SeriesObserver) -> Series:
    with locked(series.path), stop_on_signals() as stop:
        for staging in series.path.glob(f".{seed_name(0)[:-1]}*"):  # a killed process was making a run
            shutil.rmtree(staging, ignore_errors=True)
        for run in _begun(series):
            _refuse_stranger(series, run)
            if not run.finished:
                with locked(run.path, LAST_SECONDS):  # workers of a killed series may be at their last checkpoint
                    pass
        pending = [seed for seed in series.seeds if not (series.seed_path(seed) / RESULT).is_file()]
        tasks = [Task(series.path, series.spec, series.declaration, seed, data_dir) for seed in pending]
        observer.started(series.path, series.spec, series.seeds, len(tasks), jobs)
        try:
            if jobs == 1:
                train_in_turn(tasks, observer, stop)
            else:
                train_at_once(tasks, jobs, observer, stop)
        except Interrupted as problem:
            remedy = f"go on with `tinymnist train --resume {shlex.quote(str(series.path))}`"
            raise Interrupted(f"stopped: {remedy}", problem.signal_number) from None
        write_atomically(series.path / METRICS, _metrics(series))
        write_record(_result(series), series.path / RESULT)
    return series


def _begun(series: Series) -> list[Run]:
    """The runs of the seeds that have one by now."""
    begun = []
    for seed in series.seeds:
        path = series.seed_path(seed)
        if os.path.lexists(path):
            refuse_link(path / METRICS)
            try:
                begun.append(open_folder(path))
            except RunError as error:
                raise DataError(f"{error}: delete it, and go on with the series") from None
    return begun


def _refuse_stranger(series: Series, run: Run) -> None:
    """Raises `DataError` for a run that is not the one that the series declares for its folder."""
    declared, found = series.declaration, run.environment
    alike = (
        run.path.name == seed_name(found.seed)
        and not run.path.is_symlink()
        and dump_spec(run.spec) == dump_spec(series.spec)
        and (found.dataset, found.validation) == (declared.dataset, declared.validation)
        and (found.checksums, found.teachers) == (declared.checksums, declared.teachers)
    )
    if not alike:
        raise DataError(f"{run.path}: is not of this series: delete it, and go on with the series")


def _result(series: Series) -> SeriesResult:
    for run in _begun(series):
        _refuse_stranger(series, run)
    results = [run.result for run in series.runs]
    first, accuracies = results[0], [result.accuracy for result in results]
    summary = summarize(accuracies)
    interval = summary.interval
    return SeriesResult(
        run=printable(str(series.path)),
        name=series.spec.name,
        parameters=first.parameters,
        dataset=first.dataset,
        scored_on=first.scored_on,
        chosen_on=first.chosen_on,
        images=first.n,
        epochs=first.epochs,
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


def _metrics(series: Series) -> str:
    """The rows of all seeds' metrics, the seed in front."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["seed", *(field.name for field in fields(EpochRow))])
    for seed, run in zip(series.seeds, series.runs, strict=True):
        writer.writerows([seed, *astuple(row)] for row in run.read_metrics())
    return text.getvalue()


def _checked_seeds(seeds: Sequence[int]) -> list[int]:
    """Plain numbers, which NumPy's are not. Raises `UsageError`."""
    try:
        numbers = [index(seed) for seed in seeds]
    except TypeError:
        raise UsageError("--seeds: expects whole numbers") from None
    if not 1 <= len(numbers) <= MAX_SEEDS or len(set(numbers)) < len(numbers):
        raise UsageError(f"--seeds: expects 1 to {MAX_SEEDS:,} seeds, each once")
    if not all(0 <= seed <= LARGEST_SEED for seed in numbers):
        raise UsageError(f"--seeds: each is a number from 0 to {LARGEST_SEED}")
    return numbers


def _jobs(jobs: int | None, seeds: int, device: str) -> int:
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs {jobs}: expects a number of 1 or more")
    cores = 1 if device in ("cuda", "mps") else os.cpu_count() or 1
    return min(jobs or cores, seeds)
