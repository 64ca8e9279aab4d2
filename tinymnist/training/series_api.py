"""Training a series from Python: the functions behind `tinymnist train --seeds`."""

import os
import shlex
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from tinymnist.errors import DataError, Interrupted, RunError
from tinymnist.spec import Spec
from tinymnist.training.device import prepare_device
from tinymnist.training.environment import images_and_teachers
from tinymnist.training.images import asked_for
from tinymnist.training.local import workers_or_own
from tinymnist.training.lock import locked
from tinymnist.training.material import gather
from tinymnist.training.observer import SeriesObserver
from tinymnist.training.records import RESULT, SERIES, write_record
from tinymnist.training.series import Series
from tinymnist.training.series_plan import SeriesPlan, checked_seeds
from tinymnist.training.side_by_side import train_side_by_side
from tinymnist.training.workers import Workers


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
    plan = SeriesPlan.of(spec, seeds, dataset, validation, Path(output), name)
    chosen_device = prepare_device(device, spec.train.engine, threads)
    observer = observer or SeriesObserver()
    with workers_or_own(workers, jobs, len(plan.seeds), chosen_device) as here:
        threads = here.threads if threads is None else threads
        series = plan.begin(data_dir, initial, device, threads, observer)
        return _train_alone(series, here, data_dir, observer)


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
    more = [seed for seed in checked_seeds(seeds) if seed not in series.seeds] if seeds else []
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
        return _train_alone(series, here, data_dir, observer)


def _extended(series: Series, more: list[int]) -> Series:
    """The series with more seeds in its declaration. Its result is removed first, so that the two never differ."""
    if series.finished and not all(os.path.isdir(series.seed_path(seed)) for seed in series.seeds):
        raise RunError(f"{series.path}: holds the figures alone, not the runs of its seeds: train a new series")
    seeds = checked_seeds([*series.seeds, *more])
    declaration = series.declaration.model_copy(update={"seeds": seeds})
    with locked(series.path):
        try:
            (series.path / RESULT).unlink(missing_ok=True)
        except OSError as error:
            raise DataError(f"{series.path}: cannot be written: {error.strerror or error}") from None
        write_record(declaration, series.path / SERIES)
    return Series(series.path, series.spec, declaration)


def _train_alone(series: Series, workers: Workers, data_dir: Path | None, observer: SeriesObserver) -> Series:
    try:
        train_side_by_side([series], workers, data_dir, observer)
    except Interrupted as problem:
        remedy = f"resume it with `tinymnist train --resume {shlex.quote(str(series.path))}`"
        raise Interrupted(f"stopped: {remedy}", problem.signal_number) from None
    return series
