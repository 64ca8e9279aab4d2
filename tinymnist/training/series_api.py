"""Training a series from Python: the functions behind `tinymnist train --seeds`."""

import os
import shlex
import shutil
from collections.abc import Sequence
from operator import index
from os import PathLike
from pathlib import Path

from tinymnist.check import enforce_budget
from tinymnist.data import trainable_source
from tinymnist.errors import DataError, Interrupted, RunError, UsageError
from tinymnist.signals import stop_on_signals
from tinymnist.spec import Spec
from tinymnist.spec.dump import dump_spec
from tinymnist.statistics import summarize
from tinymnist.text import printable
from tinymnist.training.device import prepare_device
from tinymnist.training.directory import RunDirectory, create_folder, open_folder, refuse_link, seed_name
from tinymnist.training.environment import images_and_teachers
from tinymnist.training.images import asked_for
from tinymnist.training.initial import initial_record, open_initial, refuse_unfit_initial
from tinymnist.training.known import refuse_known_images
from tinymnist.training.local import workers_or_own
from tinymnist.training.lock import locked
from tinymnist.training.material import gather
from tinymnist.training.metrics import METRICS, write_series_metrics
from tinymnist.training.naming import NewName
from tinymnist.training.observer import SeriesObserver
from tinymnist.training.records import RESULT, SERIES, Declaration, Interval, SeriesResult, write_record
from tinymnist.training.seeds import LARGEST_SEED, MAX_SEEDS
from tinymnist.training.series import Series
from tinymnist.training.task import Conditions, Task
from tinymnist.training.worker import LAST_SECONDS
from tinymnist.training.workers import Workers, train_all


def train_series(
    spec: Spec,
    seeds: Sequence[int],
    *,
    jobs: int | None = None,
    dataset: str | None = None,
    data_dir: Path | None = None,
    validation: int | None = None,
    initial: str | PathLike[str] | None = None,
    output: str | PathLike[str] = "runs",
    name: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    workers: Workers | None = None,
    observer: SeriesObserver | None = None,
) -> Series:
    """Trains `spec` once with each seed and returns the finished series in `output/name`; each seed is a run there.

    `jobs` seeds are trained at once, each in a process of its own: by default as many as there are cores on a CPU, each
    on one thread, and one on a GPU. Or `workers` train them, and stay open. The other options and the errors are those
    of `train`. A seed that fails ends the series; the seeds that are finished by then are kept.
    """
    enforce_budget(spec)
    asked = asked_for(spec, dataset, validation)
    trainable_source(asked.dataset)
    seeds = _checked_seeds(seeds)
    chosen_device = prepare_device(device, spec.train.engine, threads)
    new_name = NewName.choose(name, spec, f"{len(seeds)}seeds")
    new_name.refuse(Path(output))
    observer = observer or SeriesObserver()
    with workers_or_own(workers, jobs, len(seeds), chosen_device) as here:
        first = None if initial is None else open_initial(initial)
        found = gather(spec, asked, data_dir, observer.warned)  # before the folder is made
        spec = found.spec
        if first is not None:
            refuse_unfit_initial(first, spec, found.data, asked.validation)
            refuse_known_images(first, found.data, data_dir, observer.warned)
        declaration = Declaration(
            seeds=seeds,
            **images_and_teachers(found),
            initial=None if first is None else initial_record(first),
            device=device,
            threads=here.threads if threads is None else threads,
        )
        path, declaration = create_folder(Path(output), new_name, spec, declaration, SERIES)
        return _train_pending(Series(path, spec, declaration), here, data_dir, observer)


def resume_series(
    series: Series,
    *,
    seeds: Sequence[int] = (),
    jobs: int | None = None,
    data_dir: Path | None = None,
    workers: Workers | None = None,
    observer: SeriesObserver | None = None,
) -> Series:
    """Trains the seeds that are not finished, and those of `seeds` that are new to the series.

    Raises as `train_series` does, and `RunError` for more seeds of a series whose runs are missing.
    """
    more = [seed for seed in _checked_seeds(seeds) if seed not in series.seeds] if seeds else []
    observer = observer or SeriesObserver()
    if series.finished and not more:
        return series
    declared = series.declaration
    device = prepare_device(declared.device, series.spec.train.engine, declared.threads)
    with workers_or_own(workers, jobs, len(series.seeds) + len(more), device) as here:
        if more:
            asked = asked_for(series.spec, declared.dataset, declared.validation)
            found = images_and_teachers(gather(series.spec, asked, data_dir, observer.warned))
            same_images = declared.data is None or declared.data.digest == found["data"].digest
            if not same_images or (found["checksums"], found["teachers"]) != (declared.checksums, declared.teachers):
                raise DataError(
                    f"{series.path}: its data or teachers have changed since it was begun: train a new series"
                )
            series = _extended(series, more)  # last, since a finished series loses its result
        return _train_pending(series, here, data_dir, observer)


def _extended(series: Series, more: list[int]) -> Series:
    """The series with more seeds in its declaration. Its result is removed first, so that the two never differ."""
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


def _train_pending(series: Series, workers: Workers, data_dir: Path | None, observer: SeriesObserver) -> Series:
    """Trains the seeds that are not finished, then writes the metrics and the result of the series."""
    with locked(series.path), stop_on_signals() as stop:
        for staging in series.path.glob(f".{seed_name(0)[:-1]}*"):  # left by a process killed while it made a run
            shutil.rmtree(staging, ignore_errors=True)
        for run in _begun(series):
            _refuse_stranger(series, run)
            if not run.finished:
                with locked(run.path, LAST_SECONDS):  # a worker of a killed series may still write its last checkpoint
                    pass
        pending = [seed for seed in series.seeds if not (series.seed_path(seed) / RESULT).is_file()]
        conditions = _conditions(series.declaration, data_dir)
        tasks = [Task(seed, series.seed_path(seed), series.spec, seed, conditions) for seed in pending]
        observer.started(series.path, series.spec, series.seeds, len(tasks), workers.slots)
        try:
            train_all(tasks, workers, observer, stop)
        except Interrupted as problem:
            remedy = f"resume it with `tinymnist train --resume {shlex.quote(str(series.path))}`"
            raise Interrupted(f"stopped: {remedy}", problem.signal_number) from None
        write_series_metrics(series.seeds, [run.read_metrics() for run in series.runs], series.path / METRICS)
        write_record(_result(series), series.path / RESULT)
    return series


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


def _checked_seeds(seeds: Sequence[int]) -> list[int]:
    """The seeds as plain integers, which NumPy's are not. Raises `UsageError`."""
    try:
        numbers = [index(seed) for seed in seeds]
    except TypeError:
        raise UsageError("--seeds: expects whole numbers") from None
    if not 1 <= len(numbers) <= MAX_SEEDS or len(set(numbers)) < len(numbers):
        raise UsageError(f"--seeds: expects 1 to {MAX_SEEDS:,} seeds, each once")
    if not all(0 <= seed <= LARGEST_SEED for seed in numbers):
        raise UsageError(f"--seeds: each is a number from 0 to {LARGEST_SEED}")
    return numbers
