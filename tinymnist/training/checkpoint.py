"""The resume state: one safetensors file, so that it is whole or not there.

Its tensors are the model's (`model.block1.conv1.weight`), the optimizer's (`optimizer.0.momentum_buffer`) and, where a
recipe has one, the average's (`average.block1.conv1.weight`); its header carries the progress as JSON. Nothing random
is in it: see `seeds`.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from tinymnist.errors import DataError
from tinymnist.files import make_folder, refuse_unreadable, write_atomically
from tinymnist.model.weights import copy_tensors
from tinymnist.training.averaging import Average
from tinymnist.training.observer import EpochRow
from tinymnist.training.optimizer import Optimizer, optimizer_tensors, restore_optimizer

FORMAT = "tinymnist-checkpoint-1"


Count = Annotated[int, Field(ge=0, le=10**12)]


@dataclass(frozen=True)
class Progress:
    """How far a training is: `epoch` epochs are done, and `step` steps of the next."""

    __pydantic_config__ = ConfigDict(allow_inf_nan=False)

    epoch: Count = 0
    step: Count = 0
    images: Count = 0
    """Images seen in the unfinished epoch; below, their summed loss, correct predictions and seconds."""
    loss_sum: float = 0.0
    correct: Count = 0
    seconds: Annotated[float, Field(ge=0)] = 0.0
    rows: tuple[EpochRow, ...] = field(default=())
    """Finished epochs."""


@dataclass(frozen=True)
class State:
    """What a checkpoint saves and restores, in place."""

    model: nn.Module
    optimizer: Optimizer
    average: Average | None = None

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Those that training changes, by the names that a checkpoint has for them; not copies."""
        parts = {
            "model": self.model.state_dict(),
            "optimizer": optimizer_tensors(self.optimizer),
            "average": self._averages,
        }
        return {f"{part}.{name}": tensor for part, tensors in parts.items() for name, tensor in tensors.items()}

    def put_back(self, tensors: dict[str, Tensor], origin: str) -> None:
        """Makes the state what `tensors` gave once. Raises `DataError` where they do not fit."""
        copy_tensors(self.model.state_dict(), _with_prefix("model.", tensors), origin)
        restore_optimizer(self.optimizer, _with_prefix("optimizer.", tensors))
        copy_tensors(self._averages, _with_prefix("average.", tensors), origin)

    @property
    def _averages(self) -> dict[str, Tensor]:
        return {} if self.average is None else self.average.tensors


def save_checkpoint(path: Path, progress: Progress, state: State) -> None:
    """Writes the state, whole or not at all. Raises `DataError`."""
    content = {name: tensor.detach().cpu().contiguous() for name, tensor in state.tensors.items()}
    text = json.dumps(asdict(progress))
    try:
        make_folder(path.parent)
    except OSError as error:
        raise DataError(f"{path.parent}: cannot be made: {error.strerror or error}: make room for it") from None
    write_atomically(path, save(content, {"format": FORMAT, "progress": text, "digest": _digest(text, content)}))


def load_checkpoint(path: Path, state: State) -> Progress:
    """Puts the state back. Raises `DataError` where it is damaged or does not fit."""
    refuse_unreadable(path)
    try:
        with safe_open(path, framework="pt") as stream:
            metadata = stream.metadata() or {}
            tensors = {name: stream.get_tensor(name) for name in stream.offset_keys()}
        if metadata["format"] != FORMAT:
            raise ValueError("another format")
        if metadata["digest"] != _digest(metadata["progress"], tensors):
            raise ValueError("its SHA-256 is not the recorded one")
        progress = TypeAdapter(Progress).validate_json(metadata["progress"])
        if progress.epoch != len(progress.rows):
            raise ValueError("its rows do not fit its epoch")
        state.put_back(tensors, str(path))
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
        gist = " ".join(str(error).split())[:120]
        raise DataError(f"{path}: damaged checkpoint ({gist}): delete it to begin this run anew") from None
    return progress


def _digest(progress: str, tensors: dict[str, Tensor]) -> str:
    """SHA-256 over everything in a checkpoint."""
    digest = hashlib.sha256(progress.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()


def _with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
