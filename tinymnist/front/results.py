"""Finds and reads the results of series."""

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Literal

from tinymnist.errors import DataError, RunError, UsageError
from tinymnist.files import read_bytes
from tinymnist.front.points import Front, front, point
from tinymnist.notices import ResultsLeftOut, Warn
from tinymnist.text import images_text
from tinymnist.training.records import RESULT, SERIES, SeriesResult, read_record

DEFAULT = Path("docs", "results")


@dataclass(frozen=True, slots=True)
class _Found:
    """A result of a series, and its file."""

    path: Path
    result: SeriesResult

    @property
    def scored_on(self) -> str:
        return images_text(self.result.images, self.result.scored_on, self.result.dataset)

    def name(self, unique: bool) -> str:
        """The network's name, with the name of the series if the network's alone is not unique."""
        name, series = self.result.name, self.path.resolve().parent.name
        if unique:
            return name
        return series if name in series else f"{name} ({series})"


def read_front(paths: Sequence[str | PathLike[str]] = (), *, warn: Warn | None = None) -> Front:
    """Makes the Pareto front of the series at `paths`: `result.json` files, directories of series, or folders that
    contain some at any depth; by default `docs/results`. `warn` is told which results in folders are left out. Damaged
    ones are left out too where others remain.

    Raises `UsageError` for results that cannot share a front, `RunError` for a series without a result, `DataError` for
    damaged results.
    """
    found: list[_Found] = []
    damaged: list[DataError] = []
    for path in find_results(paths, warn=warn):
        try:
            found.append(_read(path))
        except DataError as error:
            damaged.append(error)
    if not found:
        raise damaged[0]
    first = found[0]
    for each in found:
        if each.result.scored_on != "test":
            raise UsageError(
                f"{each.path}: was scored on {each.scored_on}: a Pareto front needs test results: train the "
                "final recipe without --validation"
            )
        if each.scored_on != first.scored_on:
            raise UsageError(
                f"{first.path} was scored on {first.scored_on}, {each.path} on {each.scored_on}: "
                "name the results of one data set"
            )
    times = Counter(each.result.name for each in found)
    points = [
        point(each.name(times[each.result.name] == 1), each.path, each.result.parameters, each.result.accuracies)
        for each in found
    ]
    return replace(front(points, first.result.dataset, first.result.images), damaged=tuple(map(str, damaged)))


def find_results(paths: Sequence[str | PathLike[str]] = (), *, warn: Warn | None = None) -> list[Path]:
    """Finds the result files of series at `paths`, as `read_front` takes them: each once, in the order given and then
    by name. Finds at least one, or raises as `read_front` does."""
    found: dict[Path, Path] = {}
    for given in [Path(path) for path in paths] or [_default()]:
        for file in _results_at(given, warn):
            found.setdefault(file.resolve(), file)
    return list(found.values())


def _default() -> Path:
    if not DEFAULT.is_dir():
        raise UsageError(
            f"no folder {DEFAULT} here: name results of series: result.json files, directories of series, or folders "
            "that contain some"
        )
    return DEFAULT


def _results_at(path: Path, warn: Warn | None) -> list[Path]:
    if not os.path.lexists(path):
        raise UsageError(f"{path}: no such file or folder")
    if path.is_file() or (path / RESULT).is_file():
        file = path if path.is_file() else path / RESULT
        if _is_of_run(file):
            raise UsageError(f"{file}: is the result of a single run: train a series with --seeds")
        return [file]
    if (path / SERIES).is_file():
        raise RunError(f"{path}: has no {RESULT} yet: the series is not finished")
    series, single = _results_under(path)
    if not series:
        raise UsageError(f"{path}: contains no {RESULT} of a series: train one with --seeds")
    held_out = [file for file in series if _is_held_out(file)]
    if len(held_out) < len(series):
        series = [file for file in series if file not in held_out]
        _tell(warn, path, "held-out series", held_out)
    _tell(warn, path, "single run", single)
    return series


def _tell(warn: Warn | None, path: Path, kind: Literal["held-out series", "single run"], left_out: list[Path]) -> None:
    if left_out and warn is not None:
        warn(ResultsLeftOut(path, len(left_out), kind, left_out[0].parent))


def _results_under(folder: Path) -> tuple[list[Path], list[Path]]:
    """The result files below `folder`, sorted: those of series, and those of runs that belong to no series."""
    series: list[Path] = []
    single: list[Path] = []
    for where, folders, files in os.walk(folder):
        folders.sort()
        if SERIES in files or RESULT in files:
            folders.clear()  # the folders below are the runs of its seeds
        if RESULT in files:
            file = Path(where, RESULT)
            (single if _is_of_run(file) else series).append(file)
    return series, single


def _is_of_run(file: Path) -> bool:
    """Whether the result is of one run, not of a series. What is damaged counts as a series, and is found when it is
    read."""
    try:
        content = json.loads(read_bytes(file))
    except (ValueError, RecursionError, DataError):
        return False
    return isinstance(content, dict) and "accuracy" in content


def _is_held_out(file: Path) -> bool:
    try:
        return _read(file).result.scored_on != "test"
    except DataError:
        return False


def _read(file: Path) -> _Found:
    return _Found(file, read_record(SeriesResult, file))
