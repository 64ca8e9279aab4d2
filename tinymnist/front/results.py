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
from tinymnist.spec.packaged import packaged_series
from tinymnist.text import images_text
from tinymnist.training.records import RESULT, SERIES, SeriesResult, different_images, read_record


@dataclass(frozen=True, slots=True)
class _Found:
    """A result of a series, and its file."""

    path: Path
    result: SeriesResult
    packaged: bool

    @property
    def scored_on(self) -> str:
        return images_text(self.result.images, self.result.scored_on, self.result.dataset)

    def name(self, unique: bool) -> str:
        """The network's name, with the name of the series if the network's alone is not unique."""
        name, series = self.result.name, self.path.resolve().parent.name
        if unique:
            return name
        return series if name in series else f"{name} ({series})"


def read_front(paths: Sequence[str | PathLike[str]] = (), *, alone: bool = False, warn: Warn | None = None) -> Front:
    """Makes the Pareto front of the series at `paths`: `result.json` files, directories of series, or folders that
    contain some at any depth. Unless they stand `alone`, the series that come with tinymnist and published figures are
    beside them, as far as they are of the same test images. `warn` is told which results in folders are left out.
    Damaged ones are left out too where others remain.

    Raises `UsageError` for results that cannot share a front, `RunError` for a series without a result, `DataError` for
    damaged results.
    """
    if alone and not paths:
        raise UsageError("--alone: name the series that are to stand alone")
    read: list[_Found] = []
    damaged: list[DataError] = []
    for path in find_results(paths, warn=warn):
        try:
            read.append(_read(path))
        except DataError as error:
            damaged.append(error)
    if damaged and not read:
        raise damaged[0]
    found = _comparable(read)
    if not alone:
        found = _with_packaged(found)
    points = [
        point(name, each.path, each.result.parameters, each.result.accuracies, packaged=each.packaged)
        for name, each in zip(_names(found), found, strict=True)
    ]
    made = front(points, found[0].result.data.usual_name, found[0].result.images, alone=alone)
    return replace(made, damaged=tuple(map(str, damaged)))


def _comparable(found: list[_Found]) -> list[_Found]:
    """The same. Raises `UsageError` where they were not all scored on the same test images."""
    for each in found:
        if each.result.scored_on != "test":
            raise UsageError(
                f"{each.path}: was scored on {each.scored_on}: a Pareto front needs test results: train the "
                "final recipe without --validation"
            )
        if not each.result.is_of_same_images(found[0].result):
            different = different_images(str(found[0].path), found[0].result, str(each.path), each.result)
            raise UsageError(f"{different}: name the results of one data set")
    return found


def _with_packaged(found: list[_Found]) -> list[_Found]:
    """What was found, and the series of tinymnist that are comparable and not among it."""
    known = {each.path.resolve() for each in found}
    packaged = [_read(folder / RESULT, packaged=True) for folder in packaged_series().values()]
    return found + [
        each
        for each in packaged
        if each.path.resolve() not in known and (not found or each.result.is_of_same_images(found[0].result))
    ]


def _names(found: list[_Found]) -> list[str]:
    """What to call each: those of tinymnist are told from others of the same name."""
    times = Counter(each.result.name for each in found)
    names = [each.name(times[each.result.name] == 1) for each in found]
    return [
        f"{name} (tinymnist)" if each.packaged and names.count(name) > 1 else name
        for name, each in zip(names, found, strict=True)
    ]


def find_results(paths: Sequence[str | PathLike[str]], *, warn: Warn | None = None) -> list[Path]:
    """Finds the result files of series at `paths`, as `read_front` takes them: each once, in the order given and then
    by name. Finds at least one for each path, or raises as `read_front` does."""
    found: dict[Path, Path] = {}
    for given in paths:
        for file in _results_at(Path(given), warn):
            found.setdefault(file.resolve(), file)
    return list(found.values())


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


def _read(file: Path, packaged: bool = False) -> _Found:
    return _Found(file, read_record(SeriesResult, file), packaged)
