"""What trainings a folder holds, and how each of them stands."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Literal

from tinymnist.errors import RunError, TinyMnistError
from tinymnist.training.load import RUNS, open_run
from tinymnist.training.records import ENVIRONMENT, RESULT, SERIES
from tinymnist.training.run import Run
from tinymnist.training.series import Series


@dataclass(frozen=True, slots=True)
class Standing:
    """How one run or series stands. Accuracy is percent, over a series its mean; None before the end."""

    path: Path
    name: str
    """Name of the architecture."""
    parameters: int
    dataset: str
    scored_on: Literal["test", "validation"]
    seeds: tuple[int, ...]
    seeds_done: int
    """Seeds whose training has come to its end."""
    epochs: int
    """Epochs that are done, of a series by the seed with the fewest."""
    of_epochs: int
    stopped_early: int
    """Seeds that stopped before the last epoch; of a run, 0 or 1."""
    best_epoch: int | None
    """The epoch whose weights are those of a finished run that could stop early."""
    accuracy: float | None
    std: float | None
    warnings: tuple[dict[str, str | int], ...]
    """What is worth knowing of the data: the fields of notices, and their `kind`."""


def runs_in(path: Path) -> list[Path]:
    """The runs and series directly in a folder, by name; `path` itself, where it holds none."""
    found = sorted(each for each in path.iterdir() if _is_begun(each)) if path.is_dir() and not _is_begun(path) else []
    return found or [path]


def _is_begun(path: Path) -> bool:
    return any((path / name).is_file() for name in (ENVIRONMENT, SERIES, RESULT))


def survey(folder: str | PathLike[str] = RUNS) -> Iterator[Standing | TinyMnistError]:
    """How each run and series directly in a folder stands, by name; for a damaged one, the error.

    Raises `RunError` where there is no such folder.
    """
    if not os.path.isdir(folder):
        raise RunError(f"{folder}: no such folder: train something first, or name the folder that holds your runs")
    for path in sorted(Path(folder).iterdir()):
        if _is_begun(path):
            try:
                yield _standing(open_run(path))
            except TinyMnistError as error:
                yield error


def _standing(opened: Run | Series) -> Standing:
    spec = opened.spec
    record = opened.declaration if isinstance(opened, Series) else opened.environment
    accuracy: float | None = None
    std: float | None = None
    best_epoch: int | None = None
    epochs, stopped_early = 0, 0
    seeds = opened.seeds if isinstance(opened, Series) else (opened.environment.seed,)
    done = len(seeds) if opened.finished else 0
    if opened.finished and isinstance(opened, Series):
        series = opened.result
        accuracy, std, stopped_early = series.mean, series.std, series.stopped_early
        epochs = min(series.epochs_by_seed or [series.epochs])
    elif opened.finished and isinstance(opened, Run):
        run = opened.result
        accuracy, epochs, stopped_early, best_epoch = run.accuracy, run.epochs, int(run.stopped_early), run.best_epoch
    elif isinstance(opened, Run):
        epochs = _epochs(opened)
    else:
        done = sum((opened.seed_path(seed) / RESULT).is_file() for seed in seeds)
    return Standing(
        path=opened.path,
        name=spec.name,
        parameters=spec.plan.parameters,
        dataset=record.dataset,
        scored_on="validation" if record.validation else "test",
        seeds=seeds,
        seeds_done=done,
        epochs=epochs,
        of_epochs=spec.train.epochs,
        stopped_early=stopped_early,
        best_epoch=best_epoch,
        accuracy=accuracy,
        std=std,
        warnings=() if record.data is None else tuple(record.data.warnings),
    )


def _epochs(run: Run) -> int:
    """Epochs that an unfinished run has done."""
    try:
        return len(run.read_metrics())
    except TinyMnistError:
        return 0
