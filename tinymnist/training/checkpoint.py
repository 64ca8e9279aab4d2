"""The resume state: one safetensors file, so that it is whole or not there.

Its tensors are the model's (`model.block1.conv1.weight`) and the optimizer's (`optimizer.0.momentum_buffer`); its
header carries the progress as JSON. Nothing random is in it: see `seeds`.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from tinymnist.errors import DataError
from tinymnist.files import write_atomically
from tinymnist.model.weights import copy_tensors
from tinymnist.training.observer import EpochRow
from tinymnist.training.optimizer import optimizer_tensors, restore_optimizer

FORMAT = "tinymnist-checkpoint-1"


@dataclass(frozen=True)
class Progress:
    """How far a training is: `epoch` epochs are done, and `step` steps of the next."""

    epoch: int = 0
    step: int = 0
    images: int = 0
    """Images seen in the unfinished epoch; below, their summed loss, correct predictions and seconds."""
    loss_sum: float = 0.0
    correct: int = 0
    seconds: float = 0.0
    rows: tuple[EpochRow, ...] = field(default=())
    """Finished epochs."""


def save_checkpoint(path: Path, progress: Progress, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Writes the state, whole or not at all. Raises `DataError`."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    tensors |= {f"optimizer.{name}": tensor for name, tensor in optimizer_tensors(optimizer).items()}
    content = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, save(content, {"format": FORMAT, "progress": json.dumps(asdict(progress))}))


def load_checkpoint(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> Progress:
    """Puts the state back into model and optimizer. Raises `DataError` where it is damaged or does not fit."""
    try:
        with safe_open(path, framework="pt") as stream:
            metadata = stream.metadata() or {}
            tensors = {name: stream.get_tensor(name) for name in stream.offset_keys()}
        progress = _progress(json.loads(metadata["progress"]))
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise DataError(
            f"{path}: damaged checkpoint ({error}): delete it to start this run from its beginning"
        ) from None
    copy_tensors(model.state_dict(), _with_prefix("model.", tensors), str(path))
    restore_optimizer(optimizer, _with_prefix("optimizer.", tensors))
    return progress


def _progress(content: dict[str, Any]) -> Progress:
    return replace(Progress(**content), rows=tuple(EpochRow(**row) for row in content["rows"]))


def _with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
