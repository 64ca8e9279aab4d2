"""The run directory: where everything about one training stands."""

import csv
import io
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from torch import nn

from tinymnist.errors import DataError, RunError, SpecError, UsageError
from tinymnist.files import read_bytes, sync_folder, write_atomically
from tinymnist.model import build_model, load_weights
from tinymnist.spec import Spec, load_spec
from tinymnist.spec.dump import dump_spec
from tinymnist.text import shown
from tinymnist.training.observer import EpochRow

SPEC, ENVIRONMENT, METRICS = "spec.yaml", "environment.json", "metrics.csv"
WEIGHTS, RESULT, CHECKPOINT = "weights.safetensors", "result.json", "checkpoint/state.safetensors"


@dataclass(frozen=True)
class Run:
    """A run directory, opened: what was trained, how, and what came of it."""

    path: Path
    spec: Spec
    environment: dict[str, Any]
    """Versions, device, seed, data set and its checksums, command line."""

    @property
    def finished(self) -> bool:
        return (self.path / RESULT).is_file()

    @property
    def result(self) -> dict[str, Any]:
        """What `train --json` prints. Raises `RunError` where the training is not finished."""
        self._must_be_finished()
        return _read_json(self.path / RESULT)

    @property
    def checkpoint(self) -> Path:
        return self.path / CHECKPOINT

    def load_model(self) -> nn.Sequential:
        """The trained network. Raises `RunError` where the training is not finished, `DataError` for damage."""
        self._must_be_finished()
        model = build_model(self.spec)
        load_weights(model, self.path / WEIGHTS)
        return model.eval()

    def write_metrics(self, rows: Sequence[EpochRow]) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, [field.name for field in fields(EpochRow)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
        write_atomically(self.path / METRICS, text.getvalue())

    def write_result(self, result: dict[str, Any]) -> None:
        write_atomically(self.path / RESULT, _json_text(result))

    def _must_be_finished(self) -> None:
        if not self.finished:
            raise RunError(f"{self.path}: not finished: go on with `tinymnist train --resume {self.path}`")


def create_run(output: Path, name: str, spec: Spec, environment: dict[str, Any]) -> Run:
    """A new run directory `output/name`, there at once with its spec and environment, or not at all.

    Raises `UsageError` for a name that is no plain file name, `RunError` where it is taken, `DataError` where it
    cannot be written.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", name):
        raise UsageError(f"--name {shown(name)}: not a plain name: letters, digits, `.`, `_` and `-`")
    path = output / name
    taken = RunError(f"{path}: is there already: choose another --name, or go on with it by `--resume {path}`")
    if path.exists():
        raise taken
    try:
        output.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=output))
    except OSError as error:
        raise DataError(f"{output}: cannot be written: {error.strerror or error}: choose another --output") from None
    try:
        write_atomically(staging / SPEC, dump_spec(spec))
        write_atomically(staging / ENVIRONMENT, _json_text(environment))
        os.chmod(staging, 0o755)
        os.rename(staging, path)  # fails where another process has made the same name meanwhile
        sync_folder(output)
    except OSError:
        raise taken from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return Run(path, spec, environment)


def load_run(path: str | os.PathLike[str]) -> Run:
    """Opens a run directory, also one copied from another machine.

    Raises `RunError` where there is none, `DataError` where it is damaged.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise RunError(f"{shown(str(path))[1:-1]}: no such run directory: `tinymnist train` makes one under runs/")
    if not (folder / SPEC).is_file():
        raise RunError(f"{folder}: is not a run directory: it holds no {SPEC}")
    try:
        spec = load_spec(folder / SPEC)
    except SpecError as error:
        raise DataError(f"damaged run: {error}") from None
    return Run(folder, spec, _read_json(folder / ENVIRONMENT))


@contextmanager
def locked(run: Run) -> Iterator[None]:
    """Holds the run for this process; the lock goes with the process, however it ends. Raises `RunError`."""
    lock = FileLock(run.path / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise RunError(f"{run.path}: another process is training here: wait for it, or stop it first") from None
    except OSError as error:
        raise DataError(f"{run.path}: cannot be written: {error.strerror or error}") from None
    try:
        yield
    finally:
        lock.release()


def _json_text(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2) + "\n"


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_bytes(path))
    except ValueError as error:
        raise DataError(f"{path}: damaged ({error}): copy the run again") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: damaged (no JSON object): copy the run again")
    return content
