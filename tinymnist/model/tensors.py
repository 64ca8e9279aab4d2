"""Named tensors in safetensors files: plain numbers, no code. Sealed files are those of `tinymnist.sealed`."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_bytes
from safetensors.torch import save as save_bytes
from torch import Tensor

from tinymnist import sealed
from tinymnist.errors import DataError
from tinymnist.files import read_bytes, write_atomically


def write_tensors(tensors: Mapping[str, Tensor], path: str | Path) -> None:
    """Writes tensors to `path`, whole or not at all. Raises `DataError`."""
    write_atomically(path, save_bytes(_on_cpu(tensors)))


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """Reads the tensors in a safetensors file. Raises `DataError`."""
    try:
        return load_bytes(read_bytes(path))
    except SafetensorError as error:
        raise DataError(f"{path}: not a whole safetensors file ({error}): train or copy it again") from None


def write_sealed(path: Path, format_name: str, header: Mapping[str, str], tensors: Mapping[str, Tensor]) -> None:
    """Writes tensors with a header and a digest of both, whole or not at all. Raises `DataError`."""
    arrays = {name: tensor.numpy() for name, tensor in _on_cpu(tensors).items()}
    sealed.write_sealed(path, format_name, header, arrays)


def read_sealed(path: Path, format_name: str) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Reads the header and the tensors of a sealed file. Raises what `sealed.read_sealed` raises."""
    header, arrays = sealed.read_sealed(path, format_name)
    return header, {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}  # the file may be replaced


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


def _on_cpu(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
