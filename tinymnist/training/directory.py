"""The run directory: one folder for everything about one training."""

import hashlib
import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from tinymnist.errors import DataError, RunError, SpecError, UsageError
from tinymnist.files import read_bytes, write_folder
from tinymnist.model import build_model, load_weights
from tinymnist.model.generator import drawing
from tinymnist.spec import Spec, load_spec
from tinymnist.spec.dump import dump_spec
from tinymnist.text import shown
from tinymnist.training.metrics import METRICS, read_metrics, write_metrics
from tinymnist.training.observer import EpochRow
from tinymnist.training.records import (
    ENVIRONMENT,
    RESULT,
    SERIES,
    Declaration,
    Environment,
    Record,
    Result,
    read_record,
    record_text,
)
from tinymnist.training.run import Run

SPEC, WEIGHTS, CHECKPOINT = "spec.yaml", "weights.safetensors", "checkpoint/state.safetensors"


@dataclass(frozen=True)
class RunDirectory(Run):
    """A run in a folder: a training that is going on, was interrupted, or is finished."""

    @property
    def finished(self) -> bool:
        return os.path.isfile(self.path / RESULT)

    @property
    def result(self) -> Result:
        if not self.finished:
            raise not_finished(self.path)
        return read_record(Result, self.path / RESULT)

    @property
    def checkpoint(self) -> Path:
        return self.path / CHECKPOINT

    def load_model(self) -> nn.Sequential:
        path, expected = self.path / WEIGHTS, self.result.weights_sha256
        if hashlib.sha256(read_bytes(path)).hexdigest() != expected:
            raise DataError(f"{path}: damaged (its SHA-256 is not the one in {RESULT}): copy the run again")
        with drawing(0):  # what torch draws is overwritten
            model = build_model(self.spec)
        load_weights(model, path)
        return model.eval()

    def read_metrics(self) -> list[EpochRow]:
        (rows,) = read_metrics(self.path / METRICS)
        return rows

    def write_metrics(self, rows: Sequence[EpochRow]) -> None:
        """Writes `metrics.csv`. Raises `DataError`."""
        write_metrics(rows, self.path / METRICS)


def not_finished(path: Path) -> RunError:
    """The error for a run or series that has no result yet."""
    return RunError(f"{path}: not finished: resume it with `tinymnist train --resume {shlex.quote(str(path))}`")


def refuse_name(output: Path, name: str) -> None:
    """Raises `UsageError` for a name that is not a plain file name, `RunError` where it is taken."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", name):
        raise UsageError(f"--name {shown(name)}: not a plain name: letters, digits, `.`, `_` and `-`")
    if os.path.lexists(output / name):
        raise _taken(output / name)


def _taken(path: Path) -> RunError:
    resume = f"--resume {shlex.quote(str(path))}"
    return RunError(f"{path}: already exists: choose another --name, or resume it with `{resume}`")


def create_run(output: Path, name: str, spec: Spec, environment: Environment) -> RunDirectory:
    """Makes the run directory `output/name`, which appears with its spec and environment or not at all.

    Raises as `refuse_name` does, and `DataError` where it cannot be written.
    """
    return RunDirectory(create_folder(output, name, dump_spec(spec), environment, ENVIRONMENT), spec, environment)


def create_folder(output: Path, name: str, spec: str, record: Record, record_name: str) -> Path:
    """Makes the folder `output/name` with `spec.yaml` and a record. Raises as `create_run` does."""
    refuse_name(output, name)
    path = output / name
    try:
        write_folder(path, {SPEC: spec, record_name: record_text(record)})
    except FileExistsError:
        raise _taken(path) from None
    except OSError as error:
        raise DataError(f"{output}: cannot be written: {error.strerror or error}: choose another --output") from None
    return path


def open_folder(folder: Path) -> RunDirectory:
    """Opens a run directory, also one copied from another machine.

    Raises `RunError` where there is none, `DataError` where it is damaged.
    """
    refuse_link(folder / CHECKPOINT)
    if not os.path.isdir(folder):
        raise RunError(f"{shown(str(folder))[1:-1]}: no such run directory: `tinymnist train` makes one under runs/")
    if os.path.lexists(folder / SERIES):
        seeds = read_record(Declaration, folder / SERIES).seeds
        raise RunError(
            f"{folder}: is a series of {len(seeds)} seeds: name one of them, such as {folder / seed_name(seeds[0])}"
        )
    return RunDirectory(folder, load_run_spec(folder), read_record(Environment, folder / ENVIRONMENT))


def refuse_link(path: Path) -> None:
    """Raises `DataError` where the folder of `path` is a symbolic link: a run writes only within its directory."""
    if os.path.islink(path.parent):
        raise DataError(f"{path.parent}: is a link, which may lead out of the run: put the folder itself there")


def load_run_spec(folder: Path) -> Spec:
    """The spec in the directory of a run or series. Raises `RunError` where there is none, `DataError` for damage."""
    if not os.path.lexists(folder / SPEC):
        raise RunError(f"{folder}: is not a run directory: it holds no {SPEC}")
    try:
        return load_spec(folder / SPEC)
    except SpecError as error:
        raise DataError(f"damaged run: {error}") from None


def seed_name(seed: int) -> str:
    """The name of a seed's run in the directory of its series."""
    return f"seed-{seed}"
