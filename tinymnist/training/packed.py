"""Trained networks in one file each: weights, with what a run directory says beside them in the file's header.

`archs/NAME.safetensors` is the network that comes with tinymnist under the name NAME, trained with one seed.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from tinymnist.errors import DataError, RunError, SpecError
from tinymnist.files import refuse_unreadable, write_atomically
from tinymnist.model import build_model
from tinymnist.model.weights import copy_tensors
from tinymnist.spec.dump import dump_spec
from tinymnist.spec.load import document_from_text
from tinymnist.text import shown
from tinymnist.training.observer import EpochRow
from tinymnist.training.records import Environment, Result
from tinymnist.training.run import Run

FORMAT, SUFFIX = "tinymnist-network-1", ".safetensors"


@dataclass(frozen=True)
class PackedRun(Run):
    """A finished run in one file; `path` is that file's."""

    packed_result: Result

    @property
    def finished(self) -> bool:
        return True

    @property
    def result(self) -> Result:
        return self.packed_result

    def read_metrics(self) -> list[EpochRow]:
        raise RunError(f"{self.path}: is a packed network, which keeps no metrics: name a run directory")

    def load_model(self) -> nn.Sequential:
        _, tensors = _read(self.path)
        model = build_model(self.spec)
        copy_tensors(model.state_dict(), tensors, str(self.path))
        return model.eval()


def pack_run(run: Run, path: Path) -> None:
    """Writes a finished run to one file. Raises `RunError` where it is not finished, `DataError` for files."""
    tensors = {name: tensor.contiguous() for name, tensor in run.load_model().state_dict().items()}
    header = {
        "format": FORMAT,
        "spec": dump_spec(run.spec),
        "environment": run.environment.model_dump_json(exclude={"command"}),
        "result": run.result.model_dump_json(exclude={"run"}),
    }
    write_atomically(path, save(tensors, {**header, "digest": _digest(header, tensors)}))


def open_packed(path: Path) -> PackedRun:
    """The run in a file that `pack_run` wrote. Raises `RunError` for another kind of file, `DataError` for damage."""
    if path.suffix != SUFFIX:
        raise RunError(
            f"{shown(str(path))[1:-1]}: is no run: expects a run directory, or a {SUFFIX} file of tinymnist's"
        )
    header, _ = _read(path)
    try:
        spec = document_from_text(header["spec"], str(path)).spec
        environment = Environment.model_validate_json(_with(header["environment"], "command", []))
        result = Result.model_validate_json(_with(header["result"], "run", str(path)))
    except (SpecError, ValidationError, LookupError, ValueError, TypeError, RecursionError) as error:
        raise _damaged(path, error) from None
    return PackedRun(path, spec, environment, result)


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    refuse_unreadable(path)
    try:
        with safe_open(path, framework="pt") as stream:
            header = dict(stream.metadata() or {})
            if header.get("format") != FORMAT:
                raise RunError(f"{shown(str(path))[1:-1]}: is no packed network: name the directory of a run")
            tensors = {name: stream.get_tensor(name) for name in stream.offset_keys()}
        if header.pop("digest", "") != _digest(header, tensors):
            raise ValueError("its SHA-256 is not the recorded one")
    except (OSError, SafetensorError, ValueError, TypeError) as error:
        raise _damaged(path, error) from None
    return header, tensors


def _with(text: str, key: str, value: object) -> str:
    return json.dumps({**json.loads(text), key: value})


def _damaged(path: Path, error: Exception) -> DataError:
    gist = " ".join(str(error).split())[:120]
    return DataError(f"{path}: damaged network ({gist}): install tinymnist again, or copy the file again")


def _digest(header: dict[str, str], tensors: dict[str, Tensor]) -> str:
    """SHA-256 over everything in the file."""
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()
