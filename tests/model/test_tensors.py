"""Sealed files: what was written is read, and nothing else."""

from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from tinymnist.errors import DataError
from tinymnist.model.tensors import read_sealed, write_sealed, write_tensors
from tinymnist.sealed import DamagedError, OtherFormatError

HEADER = {"name": "x", "more": "{}"}


@pytest.fixture
def tensors() -> dict[str, Tensor]:
    return {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(7)}


@pytest.fixture
def path(tmp_path: Path, tensors: dict[str, Tensor]) -> Path:
    path = tmp_path / "sealed.safetensors"
    write_sealed(path, "format-1", HEADER, tensors)
    return path


def parts(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    with safetensors.safe_open(path, framework="pt") as stream:
        return stream.metadata(), {name: stream.get_tensor(name) for name in ("a", "b")}


def test_what_was_written_is_read(path: Path, tensors: dict[str, Tensor]) -> None:
    header, found = read_sealed(path, "format-1")
    assert header == {**HEADER, "format": "format-1"}
    assert found.keys() == tensors.keys()
    assert all(
        torch.equal(found[name], tensor) and found[name].dtype == tensor.dtype for name, tensor in tensors.items()
    )


def test_another_format_is_told_apart(path: Path, tensors: dict[str, Tensor], tmp_path: Path) -> None:
    write_tensors(tensors, tmp_path / "plain.safetensors")
    for file, expected in ((path, "format-2"), (tmp_path / "plain.safetensors", "format-1")):
        with pytest.raises(OtherFormatError):
            read_sealed(file, expected)


@pytest.mark.parametrize("change", ["header", "values", "name", "no digest"])
def test_the_digest_covers_header_names_and_values(change: str, path: Path) -> None:
    header, tensors = parts(path)
    safetensors.torch.save_file(tensors, path, header)
    read_sealed(path, "format-1")  # as it was
    if change == "header":
        header["name"] = "y"
    elif change == "values":
        tensors["a"][1, 2] += 1
    elif change == "name":
        tensors["c"] = tensors.pop("b")
    else:
        del header["digest"]
    safetensors.torch.save_file(tensors, path, header)
    with pytest.raises(DamagedError, match="its SHA-256 is not the recorded one"):
        read_sealed(path, "format-1")


def test_what_is_not_whole_is_damaged(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DamagedError):
        read_sealed(path, "format-1")


def test_a_missing_file_is_data_trouble(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_sealed(tmp_path / "none", "format-1")
