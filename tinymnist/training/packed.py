"""A packed run: a finished training in one file, its weights with what a run directory records in the file's header.

`archs/NAME.safetensors` is the network that comes with tinymnist under the name NAME, trained with one seed.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from torch import Tensor, nn

from tinymnist.errors import DataError, RunError, SpecError
from tinymnist.model import build_model
from tinymnist.model.generator import drawing
from tinymnist.model.tensors import copy_tensors, read_sealed, write_sealed
from tinymnist.sealed import DamagedError, OtherFormatError
from tinymnist.spec import Spec
from tinymnist.spec.dump import dump_spec
from tinymnist.spec.load import document_from_text
from tinymnist.text import shown
from tinymnist.training.observer import EpochRow
from tinymnist.training.records import Environment, Result, gist
from tinymnist.training.run import Run

FORMAT, SUFFIX = "tinymnist-network-1", ".safetensors"


@dataclass(frozen=True)
class PackedRun(Run):
    """A finished run in one file, which is `path`."""

    packed_result: Result

    @property
    def finished(self) -> bool:
        return True

    @property
    def result(self) -> Result:
        return self.packed_result

    def load_model(self) -> nn.Sequential:
        _, tensors = _read(self.path)
        with drawing(0):  # what torch draws is overwritten
            model = build_model(self.spec)
        copy_tensors(model.state_dict(), tensors, str(self.path))
        return model.eval()

    def read_metrics(self) -> list[EpochRow]:
        raise RunError(f"{self.path}: is a packed network, which keeps no metrics: name a run directory")


def pack_run(run: Run, path: Path) -> None:
    """Writes a finished run to one file. Raises `RunError` where it is not finished, `DataError` for files."""
    header = {
        "spec": dump_spec(run.spec),
        "environment": run.environment.model_dump_json(exclude={"command"}),
        "result": run.result.model_dump_json(exclude={"run"}),
    }
    write_sealed(path, FORMAT, header, run.load_model().state_dict())


def open_packed(path: Path) -> PackedRun:
    """Opens a file that `pack_run` wrote. Raises `RunError` for another kind of file, `DataError` for damage."""
    if path.suffix != SUFFIX:
        raise RunError(
            f"{shown(str(path))[1:-1]}: is not a run: expects a run directory, or a {SUFFIX} file made by tinymnist"
        )
    header, _ = _read(path)
    try:
        spec = _spec(header["spec"])
        environment = Environment.model_validate_json(_with(header["environment"], "command", []))
        result = Result.model_validate_json(_with(header["result"], "run", str(path)))
    except (ValidationError, LookupError, ValueError, TypeError, RecursionError) as error:
        raise _damaged(path, error) from None
    return PackedRun(path, spec, environment, result)


def _spec(text: str) -> Spec:
    try:
        return document_from_text(text, "").spec
    except SpecError as error:  # which may quote the file
        raise ValueError(f"line {error.line} of its spec") from None


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        return read_sealed(path, FORMAT)
    except OtherFormatError:
        raise RunError(f"{shown(str(path))[1:-1]}: is not a packed network: name the directory of a run") from None
    except DamagedError as error:
        raise _damaged(path, error) from None


def _with(text: str, key: str, value: object) -> str:
    return json.dumps({**json.loads(text), key: value})


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path}: damaged network ({gist(error)}): install tinymnist again, or copy the file again")
