"""The run directory: where everything about one training stands."""

import csv
import hashlib
import io
import math
import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path

from torch import nn

from tinymnist.errors import DataError, RunError, SpecError, UsageError
from tinymnist.files import read_bytes, write_atomically, write_folder
from tinymnist.model import build_model, load_weights
from tinymnist.spec import Spec, load_spec
from tinymnist.spec.dump import dump_spec
from tinymnist.text import shown
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

SPEC, METRICS, WEIGHTS, CHECKPOINT = "spec.yaml", "metrics.csv", "weights.safetensors", "checkpoint/state.safetensors"

MAX_METRICS_BYTES = 256 << 20
"""A hundred bytes a row: several times the epochs of any series."""


@dataclass(frozen=True)
class Run:
    """A run directory, opened: what was trained, how, and what came of it."""

    path: Path
    spec: Spec
    environment: Environment

    @property
    def finished(self) -> bool:
        return os.path.isfile(self.path / RESULT)

    @property
    def result(self) -> Result:
        """What came of it. Raises `RunError` where the training is not finished, `DataError` for damage."""
        if not self.finished:
            resume = f"tinymnist train --resume {shlex.quote(str(self.path))}"
            raise RunError(f"{self.path}: not finished: go on with `{resume}`")
        return read_record(Result, self.path / RESULT)

    @property
    def checkpoint(self) -> Path:
        return self.path / CHECKPOINT

    def load_model(self) -> nn.Sequential:
        """The trained network. Raises `RunError` where the training is not finished, `DataError` for damage."""
        path, expected = self.path / WEIGHTS, self.result.weights_sha256
        if hashlib.sha256(read_bytes(path)).hexdigest() != expected:
            raise DataError(f"{path}: damaged (its SHA-256 is not the one in {RESULT}): copy the run again")
        model = build_model(self.spec)
        load_weights(model, path)
        return model.eval()

    def read_metrics(self) -> list[EpochRow]:
        """The rows of `metrics.csv`. Raises `DataError` where it is missing or damaged."""
        (rows,) = read_metrics(self.path / METRICS, 1)
        return rows

    @property
    def metrics_by_seed(self) -> list[list[EpochRow]]:
        """As of a series with one seed."""
        return [self.read_metrics()]

    def write_metrics(self, rows: Sequence[EpochRow]) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, [field.name for field in fields(EpochRow)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
        write_atomically(self.path / METRICS, text.getvalue())


def read_metrics(path: Path, seeds: int) -> list[list[EpochRow]]:
    """The rows of a `metrics.csv` by seed; that of a run has one. Raises `DataError` where it is missing or damaged."""
    try:
        rows = list(csv.DictReader(read_bytes(path, MAX_METRICS_BYTES).decode().splitlines()))
        read = []
        for row in rows:
            row.pop("seed", None)
            read.append(EpochRow(epoch=int(row.pop("epoch")), **{key: float(row[key]) for key in row}))
        epochs = len(read) // seeds
        if not read or [row.epoch for row in read] != seeds * list(range(1, epochs + 1)):
            raise ValueError("its epochs are not 1, 2, 3 and so on")
        if not all(math.isfinite(value) for row in read for value in astuple(row)):
            raise ValueError("a figure is not finite")
    except (ValueError, TypeError, KeyError, csv.Error) as error:
        raise DataError(f"{path}: damaged ({error}): copy the run again") from None
    return [read[first : first + epochs] for first in range(0, len(read), epochs)]


def refuse_name(output: Path, name: str) -> None:
    """Raises `UsageError` for a name that is no plain file name, `RunError` where it is taken."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", name):
        raise UsageError(f"--name {shown(name)}: not a plain name: letters, digits, `.`, `_` and `-`")
    if os.path.lexists(output / name):
        raise _taken(output / name)


def _taken(path: Path) -> RunError:
    resume = f"--resume {shlex.quote(str(path))}"
    return RunError(f"{path}: is there already: choose another --name, or go on with it by `{resume}`")


def create_run(output: Path, name: str, spec: Spec, environment: Environment) -> Run:
    """A new run directory `output/name`, there at once with its spec and environment, or not at all.

    Raises as `refuse_name` does, and `DataError` where it cannot be written.
    """
    return Run(create_folder(output, name, dump_spec(spec), environment, ENVIRONMENT), spec, environment)


def create_folder(output: Path, name: str, spec: str, record: Record, record_name: str) -> Path:
    """The folder `output/name` with `spec.yaml` and a record. Raises as `create_run` does."""
    refuse_name(output, name)
    path = output / name
    try:
        write_folder(path, {SPEC: spec, record_name: record_text(record)})
    except FileExistsError:
        raise _taken(path) from None
    except OSError as error:
        raise _unwritable(output, error) from None
    return path


def _unwritable(output: Path, error: OSError) -> DataError:
    return DataError(f"{output}: cannot be written: {error.strerror or error}: choose another --output")


def open_folder(folder: Path) -> Run:
    """Opens a run directory, also one copied from another machine.

    Raises `RunError` where there is none, `DataError` where it is damaged.
    """
    refuse_link(folder / CHECKPOINT)
    if not os.path.isdir(folder):
        raise RunError(f"{shown(str(folder))[1:-1]}: no such run directory: `tinymnist train` makes one under runs/")
    if os.path.lexists(folder / SERIES):
        seeds = read_record(Declaration, folder / SERIES).seeds
        raise RunError(
            f"{folder}: is a series of {len(seeds)} seeds: name one of them, as in {folder / seed_name(seeds[0])}"
        )
    return Run(folder, load_run_spec(folder), read_record(Environment, folder / ENVIRONMENT))


def refuse_link(path: Path) -> None:
    """Raises `DataError` where the folder of `path` is a symbolic link: what a run writes stays within it."""
    if os.path.islink(path.parent):
        raise DataError(f"{path.parent}: is a link, which may lead out of the run: put the folder itself there")


def load_run_spec(folder: Path) -> Spec:
    """The spec in a run's or a series' directory. Raises `RunError` where there is none, `DataError` for damage."""
    if not os.path.lexists(folder / SPEC):
        raise RunError(f"{folder}: is not a run directory: it holds no {SPEC}")
    try:
        return load_spec(folder / SPEC)
    except SpecError as error:
        raise DataError(f"damaged run: {error}") from None


def seed_name(seed: int) -> str:
    """Name of a seed's run in the directory of its series."""
    return f"seed-{seed}"
