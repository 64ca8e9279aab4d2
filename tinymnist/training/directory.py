"""The run directory: one folder for everything about one training."""

import hashlib
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from torch import nn

from tinymnist.errors import DataError, RunError, SpecError
from tinymnist.files import read_bytes, write_folder
from tinymnist.model import build_model, load_weights
from tinymnist.model.generator import drawing
from tinymnist.spec import Spec
from tinymnist.spec.digest import spec_digest
from tinymnist.spec.dump import dump_spec
from tinymnist.spec.load import document_from_text
from tinymnist.spec.strict_yaml import read_file
from tinymnist.text import counted, shown
from tinymnist.training.metrics import METRICS, read_metrics, write_metrics
from tinymnist.training.naming import NewName
from tinymnist.training.observer import EpochRow
from tinymnist.training.records import (
    ENVIRONMENT,
    RESULT,
    SERIES,
    Declaration,
    Environment,
    Result,
    read_record,
    record_text,
)
from tinymnist.training.run import Run

Begun = TypeVar("Begun", Environment, Declaration)

SPEC, WEIGHTS, CHECKPOINT = "spec.yaml", "weights.safetensors", "checkpoint/state.safetensors"


@dataclass(frozen=True)
class RunDirectory(Run):
    """A run in a folder: a training that is going on, was interrupted, or is finished."""

    @property
    def finished(self) -> bool:
        return os.path.lexists(self.path / RESULT)

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


def create_run(output: Path, name: NewName, spec: Spec, environment: Environment) -> RunDirectory:
    """Makes the run directory `output/name`, which appears with its spec and environment or not at all.

    Raises as `NewName.refuse` does, and `DataError` where it cannot be written.
    """
    path, environment = create_folder(output, name, spec, environment, ENVIRONMENT)
    return RunDirectory(path, spec, environment)


def create_folder(output: Path, name: NewName, spec: Spec, record: Begun, record_name: str) -> tuple[Path, Begun]:
    """Makes the folder `output/name` with `spec.yaml` and a record, which gets the spec's digest.

    Raises as `create_run` does.
    """
    name.refuse(output)
    text = dump_spec(spec)
    record = record.model_copy(update={"spec_sha256": spec_digest(text)})
    for path in (output / candidate for candidate in name.candidates):
        try:
            write_folder(path, {SPEC: text, record_name: record_text(record)})
        except FileExistsError:
            continue
        except OSError as error:
            problem = f"cannot be written: {error.strerror or error}: choose another --output"
            raise DataError(f"{output}: {problem}") from None
        return path, record
    raise name.taken(output)


def open_folder(folder: Path) -> RunDirectory:
    """Opens a run directory, also one copied from another machine.

    Raises `RunError` where there is none, `DataError` where it is damaged.
    """
    if not os.path.isdir(folder):
        raise RunError(f"{shown(str(folder))[1:-1]}: no such run directory: `tinymnist train` makes one under runs/")
    if os.path.lexists(folder / SERIES):
        refuse_links(folder)
        seeds = read_record(Declaration, folder / SERIES).seeds
        found = f"is a series of {counted(len(seeds), 'seed')}"
        raise RunError(f"{folder}: {found}: name one of them, such as {folder / seed_name(seeds[0])}")
    return RunDirectory(folder, *load_begun(folder, Environment, ENVIRONMENT))


def refuse_links(folder: Path) -> None:
    """Raises `DataError` where a file of a run, or the folder of its checkpoint, is a symbolic link: what somebody else
    made must not lead out of its directory."""
    for name in (SPEC, ENVIRONMENT, SERIES, METRICS, WEIGHTS, RESULT, CHECKPOINT, os.path.dirname(CHECKPOINT)):
        refuse_link(folder / name)


def refuse_link(path: Path) -> None:
    """Raises `DataError` for a symbolic link."""
    if os.path.islink(path):
        raise DataError(f"{path}: is a link, which may lead out of the run: put the file or folder itself there")


def load_begun(folder: Path, kind: type[Begun], record_name: str) -> tuple[Spec, Begun]:
    """The spec and the record in the directory of a run or series.

    Raises `RunError` where there is none, `DataError` for damage, and for a spec that has changed since.
    """
    refuse_links(folder)
    path = folder / SPEC
    if not os.path.lexists(path):
        inside = f": name the runs in it, as in {folder}/*" if any(folder.glob(f"*/{SPEC}")) else ""
        raise RunError(f"{folder}: is not a run directory: it holds no {SPEC}{inside}")
    try:
        text = read_file(str(path))
        spec = document_from_text(text, str(path)).spec
    except SpecError as error:  # which may quote the file
        where = f"{path}:{error.line}" if error.line else f"{path}"
        remedy = f"`tinymnist check {shlex.quote(str(path))}` says what is wrong with it; copy the run again"
        raise DataError(f"{where}: damaged run: no spec that tinymnist can read: {remedy}") from None
    record = read_record(kind, folder / record_name)
    if record.spec_sha256 not in (None, spec_digest(text)):
        raise DataError(f"{path}: has changed since the training began: put it back, or train it as a new run")
    return spec, record


def seed_name(seed: int) -> str:
    """The name of a seed's run in the directory of its series."""
    return f"seed-{seed}"
