"""The weights of a model in a safetensors file."""

from pathlib import Path

from torch import nn

from tinymnist.model.tensors import copy_tensors, read_tensors, write_tensors


def save_weights(model: nn.Module, path: str | Path) -> None:
    """Writes the model's weights to `path`, whole or not at all. Raises `DataError`."""
    write_tensors(model.state_dict(), path)


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Reads weights from `path` into the model. Raises `DataError` for a file that does not fit it or is damaged."""
    copy_tensors(model.state_dict(), read_tensors(path), str(path))
