"""Named tensors in safetensors files: plain numbers, no code. A sealed file carries a header, and a digest of both."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load as load_bytes
from safetensors.torch import save as save_bytes
from torch import Tensor

from tinymnist.errors import DataError
from tinymnist.files import read_bytes, refuse_unreadable, write_atomically

FORMAT, DIGEST = "format", "digest"
"""Keys of a sealed file's header."""


class DamagedError(Exception):
    """What is wrong with a sealed file, in a few words."""


class OtherFormatError(DamagedError):
    """A file of tensors that is not sealed, or that has another format than the expected one."""


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
    write_atomically(path, sealed(format_name, header, tensors))


def sealed(format_name: str, header: Mapping[str, str], tensors: Mapping[str, Tensor]) -> bytes:
    """The bytes of a sealed file."""
    content = _on_cpu(tensors)
    covered = {**header, FORMAT: format_name}
    return save_bytes(content, {**covered, DIGEST: _digest(covered, content)})


def read_sealed(path: Path, format_name: str) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Reads the header and the tensors of a sealed file.

    Raises `DataError` where the file cannot be read, `OtherFormatError` for another format, and `DamagedError` where
    the content does not match its digest.
    """
    refuse_unreadable(path)
    try:
        with safe_open(path, framework="pt") as stream:
            header = dict(stream.metadata() or {})
            if header.get(FORMAT) != format_name:
                raise OtherFormatError("another format")
            tensors = {name: stream.get_tensor(name) for name in stream.offset_keys()}
        if header.pop(DIGEST, "") != _digest(header, tensors):
            raise DamagedError("its SHA-256 is not the recorded one")
    except (OSError, SafetensorError, ValueError, TypeError) as error:
        raise DamagedError(str(error)) from None
    return header, tensors


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


def _digest(header: Mapping[str, str], tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over the header and all tensors."""
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()
