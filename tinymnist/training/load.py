"""Opens what a RUN argument names: a run directory, a series, a packed run, or a network that comes with tinymnist."""

import os
import re
from os import PathLike
from pathlib import Path

from tinymnist.errors import RunError
from tinymnist.spec.packaged import comes_along, packaged_files, packaged_networks, packaged_series, packaged_teachers
from tinymnist.text import did_you_mean
from tinymnist.training.directory import open_folder
from tinymnist.training.packed import open_packed
from tinymnist.training.records import SERIES
from tinymnist.training.run import Run
from tinymnist.training.series import Series, open_series

RUNS = "runs"
"""The folder that new runs are put in, unless another one is named."""


def load_run(path: str | PathLike[str]) -> Run:
    """Opens a run directory, also one copied from another machine; a packed run, which is a file; a trained network
    that comes with tinymnist, by its name; or `runs/NAME`, by NAME.

    Raises `RunError` where there is none, `DataError` where it is damaged.
    """
    folder = _place(path)
    if os.path.isfile(folder):
        return open_packed(folder)
    if not os.path.lexists(folder):
        if packaged := packaged_networks().get(str(path)):
            return open_packed(packaged)
        if str(path) in packaged_files() | packaged_teachers():
            raise _without_network(path)
        if re.fullmatch(r"[\w-]+", str(path)):
            hint = did_you_mean(str(path), packaged_networks())
            raise RunError(f"{path}: no such run directory, nor a trained network of tinymnist: {hint}")
    return open_folder(folder)


def _without_network(path: str | PathLike[str]) -> RunError:
    remedy = f"make one by `tinymnist train --arch {path} --name {path}`"
    return RunError(f"{path}: comes without a trained network or a series of runs: {remedy}")


def _place(path: str | PathLike[str]) -> Path:
    """Where a run is: at `path`, or in the folder of runs under this name."""
    given, among_runs = Path(path), Path(RUNS, path)
    is_name = not given.is_absolute() and ".." not in given.parts and str(path) not in packaged_networks()
    return among_runs if is_name and not os.path.lexists(given) and os.path.isdir(among_runs) else given


def open_run(path: str | PathLike[str]) -> Run | Series:
    """Opens a run, as `load_run` does, the directory of a series, or the figures of a series that comes with tinymnist,
    by a name that no trained network has. Raises as `load_run` does."""
    folder = _place(path)
    if os.path.lexists(folder / SERIES):
        return open_series(folder)
    if not os.path.lexists(folder) and str(path) not in packaged_networks() and str(path) in packaged_series():
        return open_series(packaged_series()[str(path)])
    return load_run(path)


def series_of(run: Run) -> Series | None:
    """The series that a network which comes with tinymnist is from; None for any other run."""
    name = run.path.stem
    of_tinymnist = run.path == packaged_networks().get(name)
    return open_series(packaged_series()[name]) if of_tinymnist and name in packaged_series() else None


def load_runs(path: str | PathLike[str]) -> list[Run]:
    """Opens a run, or the runs of all seeds of a series. Raises as `load_run` does."""
    found = open_run(path)
    if isinstance(found, Series) and comes_along(found.path):
        raise RunError(f"{path}: comes with the figures of its runs alone: name a network in `list`, or a run")
    return [*found.runs] if isinstance(found, Series) else [found]
