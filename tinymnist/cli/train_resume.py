"""Resuming a training of one seed, or a series of many."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinymnist import training
from tinymnist.cli.progress import Progress
from tinymnist.cli.scheduler import opened
from tinymnist.cli.series import SeriesProgress
from tinymnist.cluster.address import Scheduler
from tinymnist.console import say
from tinymnist.errors import UsageError
from tinymnist.training import Run, Series
from tinymnist.training.seeds import parse_seeds


def resume_any(
    path: Path, seeds: str | None, jobs: int | None, options: Mapping[str, Any], scheduler: Scheduler | None
) -> Run | Series:
    """Resumes the run or series in `path`, the series on the workers of `scheduler` if there is one. `options` are
    those of `training.resume`.

    Raises `UsageError` for options that do not fit, and else as `training.resume` and `training.resume_series`.
    """
    run = training.open_run(path)
    if isinstance(run, Run):
        if scheduler is not None:
            raise UsageError(f"--scheduler: {path} is one training: leave it out")
        return _resume_run(path, seeds, jobs, options)
    return _resume_series(run, seeds, jobs, options, scheduler)


def _resume_run(path: Path, seeds: str | None, jobs: int | None, options: Mapping[str, Any]) -> Run:
    if seeds is not None:
        raise UsageError(
            f"--seeds: {path} is one training: leave it out, or start a series with a new `tinymnist train`"
        )
    if jobs is not None:
        raise UsageError(f"--jobs: {path} is one training: leave it out")
    with Progress() as progress:
        return training.resume(path, observer=progress, **options)


def _resume_series(
    series: Series, seeds: str | None, jobs: int | None, options: Mapping[str, Any], scheduler: Scheduler | None
) -> Series:
    for name in ("device", "threads"):
        if options[name] is not None:
            raise UsageError(f"--{name}: a series keeps what it was declared with: leave it out")
    more = [] if seeds is None else parse_seeds(seeds)
    if more and set(more) <= set(series.seeds) and series.finished:
        say(f"{series.path}: has these seeds already: for {len(more)} more, --seeds {further_seeds(series, len(more))}")
    with SeriesProgress() as progress, opened(scheduler) as workers:
        return training.resume_series(
            series, seeds=more, jobs=jobs, data_dir=options["data_dir"], workers=workers, observer=progress
        )


def further_seeds(series: Series, count: int) -> str:
    """`10-14`: so many seeds that the series does not have yet."""
    first = max(series.seeds) + 1
    return f"{first}-{first + count - 1}"
