"""Sealed files: named arrays in safetensors, plain numbers and no code, with a header and a digest of both.

The arrays that are read are a private map of the file: processes that read the same one share its memory, and what one
of them writes there reaches neither the file nor the others.
"""

import hashlib
import json
import math
import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from tinymnist.files import MAX_BYTES, refuse_unreadable, write_atomically

FORMAT, DIGEST = "format", "digest"
"""Keys of the header."""
LENGTH_BYTES = 8
"""Of the number that begins a safetensors file: how long the JSON is that follows."""

Arrays = dict[str, NDArray[Any]]


class DamagedError(Exception):
    """What is wrong with a sealed file, in a few words."""


class OtherFormatError(DamagedError):
    """A file of arrays that is not sealed, or that has another format than the expected one."""


def write_sealed(path: Path, format_name: str, header: Mapping[str, str], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Writes arrays with a header and a digest of both, whole or not at all. Raises `DataError`."""
    write_atomically(path, sealed(format_name, header, arrays))


def sealed(format_name: str, header: Mapping[str, str], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The bytes of a sealed file."""
    content = {name: np.require(array, requirements="C") for name, array in arrays.items()}
    covered = {**header, FORMAT: format_name}
    return save(content, {**covered, DIGEST: _digest(covered, content)})


def read_sealed(path: Path, format_name: str, limit: int = MAX_BYTES) -> tuple[dict[str, str], Arrays]:
    """Reads the header and maps the arrays of a sealed file of at most `limit` bytes.

    Raises `DataError` where the file cannot be read, `OtherFormatError` for another format, and `DamagedError` where
    the content does not match its digest.
    """
    refuse_unreadable(path, limit)
    try:
        with safe_open(path, framework="np") as stream:  # refuses arrays that overlap or leave the file
            header = dict(stream.metadata() or {})
        if header.get(FORMAT) != format_name:
            raise OtherFormatError("another format")
        arrays = _mapped(path)
        if header.pop(DIGEST, "") != _digest(header, arrays):
            raise DamagedError("its SHA-256 is not the recorded one")
    except (OSError, SafetensorError, ValueError, TypeError, KeyError) as error:
        raise DamagedError(str(error)) from None
    return header, arrays


def _mapped(path: Path) -> Arrays:
    with path.open("rb") as stream:
        content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
    begin = LENGTH_BYTES + int.from_bytes(content[:LENGTH_BYTES], "little")
    arrays: Arrays = {}
    for name, entry in json.loads(content[LENGTH_BYTES:begin]).items():
        if name != "__metadata__":
            shape, offset = entry["shape"], begin + entry["data_offsets"][0]
            arrays[name] = np.frombuffer(content, _dtype(entry["dtype"]), math.prod(shape), offset).reshape(shape)
    return arrays


def _dtype(name: str) -> np.dtype[Any]:
    """The type that safetensors calls `name`, such as I64. Raises `ValueError` for one that NumPy does not have."""
    return np.dtype(np.bool_) if name == "BOOL" else np.dtype(f"<{name[0].lower()}{int(name[1:]) // 8}")


def _digest(header: Mapping[str, str], arrays: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 over the header and all arrays."""
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(arrays):
        digest.update(name.encode())
        digest.update(arrays[name].reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
