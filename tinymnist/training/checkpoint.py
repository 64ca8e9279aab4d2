"""The checkpoint: one sealed safetensors file, so that it is whole or not there.

Its tensors are the model's (`model.block1.conv1.weight`), the optimizer's (`optimizer.0.momentum_buffer`) and, where a
recipe has them, the average's (`average.block1.conv1.weight`) and the best epoch's (`best.block1.conv1.weight`); its
header holds the progress as JSON. Nothing random is in it: see `seeds`.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter
from torch import Tensor, nn

from tinymnist.errors import DataError
from tinymnist.files import make_folder
from tinymnist.model.tensors import copy_tensors, read_sealed, write_sealed
from tinymnist.sealed import DamagedError
from tinymnist.training.averaging import Average
from tinymnist.training.early_stopping import Best
from tinymnist.training.observer import EpochRow
from tinymnist.training.optimizer import Optimizer, optimizer_tensors, restore_optimizer
from tinymnist.training.records import gist

FORMAT, PROGRESS = "tinymnist-checkpoint-2", "progress"

Count = Annotated[int, Field(ge=0, le=10**12)]


@dataclass(frozen=True)
class Progress:
    """How far a training is: `epoch` epochs are done, and `step` steps of the next."""

    __pydantic_config__ = ConfigDict(allow_inf_nan=False)

    epoch: Count = 0
    step: Count = 0
    images: Count = 0
    """Images seen in the unfinished epoch; the next three fields are their summed loss, correct predictions and
    seconds."""
    loss_sum: float = 0.0
    correct: Count = 0
    seconds: Annotated[float, Field(ge=0)] = 0.0
    rows: tuple[EpochRow, ...] = field(default=())
    """Finished epochs."""


@dataclass(frozen=True)
class State:
    """The tensors that training changes."""

    model: nn.Module
    optimizer: Optimizer
    average: Average | None = None
    best: Best | None = None

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The tensors themselves, not copies, by their names in a checkpoint."""
        parts = {
            "model": self.model.state_dict(),
            "optimizer": optimizer_tensors(self.optimizer),
            "average": _tensors_of(self.average),
            "best": _tensors_of(self.best),
        }
        return {f"{part}.{name}": tensor for part, tensors in parts.items() for name, tensor in tensors.items()}

    def restore(self, tensors: dict[str, Tensor], origin: str) -> None:
        """Sets the state to a copy of `tensors`. Raises `DataError` or `ValueError` where they do not fit."""
        copy_tensors(self.model.state_dict(), _with_prefix("model.", tensors), origin)
        restore_optimizer(self.optimizer, _with_prefix("optimizer.", tensors))
        copy_tensors(_tensors_of(self.average), _with_prefix("average.", tensors), origin)
        copy_tensors(_tensors_of(self.best), _with_prefix("best.", tensors), origin)


def save_checkpoint(path: Path, progress: Progress, state: State) -> None:
    """Writes the state, whole or not at all. Raises `DataError`."""
    try:
        make_folder(path.parent)
    except OSError as error:
        raise DataError(f"{path.parent}: cannot be made: {error.strerror or error}: make room for it") from None
    write_sealed(path, FORMAT, {PROGRESS: json.dumps(asdict(progress))}, state.tensors)


def load_checkpoint(path: Path, state: State) -> Progress:
    """Restores the state and returns its progress. Raises `DataError` where the file is damaged or does not fit."""
    try:
        header, tensors = read_sealed(path, FORMAT)
        progress = TypeAdapter(Progress).validate_json(header[PROGRESS])
        if progress.epoch != len(progress.rows):
            raise ValueError("its rows do not fit its epoch")
        state.restore(tensors, str(path))
    except (DamagedError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise DataError(f"{path}: damaged checkpoint ({gist(error)}): delete it to begin this run again") from None
    return progress


def _tensors_of(part: Average | Best | None) -> dict[str, Tensor]:
    return {} if part is None else part.tensors


def _with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
