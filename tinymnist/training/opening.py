"""What a RUN argument means: a run directory, a packed run, or a trained network that comes with tinymnist."""

import os
import re
from os import PathLike
from pathlib import Path

from tinymnist.errors import RunError
from tinymnist.spec.packaged import packaged_files, packaged_networks
from tinymnist.text import did_you_mean
from tinymnist.training.packed import open_packed
from tinymnist.training.records import SERIES, Declaration, read_record
from tinymnist.training.run import Run, open_folder, seed_name


def load_run(path: str | PathLike[str]) -> Run:
    """Opens a run directory, also one copied from another machine; a packed run, which is a file; or, by its name, a
    trained network that comes with tinymnist.

    Raises `RunError` where there is none, `DataError` where it is damaged.
    """
    folder = Path(path)
    if os.path.isfile(folder):
        return open_packed(folder)
    if not os.path.lexists(folder):
        if packaged := packaged_networks().get(str(path)):
            return open_packed(packaged)
        if str(path) in packaged_files():
            raise RunError(f"{path}: comes without a trained network: make one by `tinymnist train --arch {path}`")
        if re.fullmatch(r"[\w-]+", str(path)):
            hint = did_you_mean(str(path), packaged_networks())
            raise RunError(f"{path}: no such run directory, nor a trained network of tinymnist: {hint}")
    return open_folder(folder)


def load_runs(path: str | PathLike[str]) -> list[Run]:
    """As `load_run`; of a series, the runs of all seeds."""
    folder = Path(path)
    if not os.path.lexists(folder / SERIES):
        return [load_run(path)]
    return [open_folder(folder / seed_name(seed)) for seed in read_record(Declaration, folder / SERIES).seeds]
