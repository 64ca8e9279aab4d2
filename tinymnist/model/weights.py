"""Weights in safetensors files: plain numbers, no code."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_bytes
from safetensors.torch import save as save_bytes
from torch import Tensor, nn

from tinymnist.errors import DataError
from tinymnist.files import read_bytes, write_atomically


def save_weights(model: nn.Module, path: str | Path) -> None:
    """Writes the model's weights to `path`, whole or not at all. Raises `DataError`."""
    tensors = {name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}
    write_atomically(path, save_bytes(tensors))


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Reads weights from `path` into the model. Raises `DataError` for a file that does not fit it or is damaged."""
    copy_tensors(model.state_dict(), read_tensors(path), str(path))


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """The tensors in a safetensors file. Raises `DataError`."""
    try:
        return load_bytes(read_bytes(path))
    except SafetensorError as error:
        raise DataError(f"{path}: not a whole safetensors file ({error}): train or copy it again") from None


def copy_tensors(targets: dict[str, Tensor], sources: dict[str, Tensor], origin: str) -> None:
    """Copies each source into the target of its name. Raises `DataError` where names, shapes or types differ."""
    if different := sorted(targets.keys() ^ sources.keys()):
        raise DataError(f"{origin}: does not belong to this network: {different[0]} is in only one of the two")
    for name, target in targets.items():
        source = sources[name]
        if source.shape != target.shape or source.dtype != target.dtype:
            raise DataError(
                f"{origin}: does not belong to this network: {name} is {tuple(source.shape)} {source.dtype}, "
                f"not {tuple(target.shape)} {target.dtype}"
            )
    with torch.no_grad():
        for name, target in targets.items():
            target.copy_(sources[name])
