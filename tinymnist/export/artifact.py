"""What an export gives: files by name, and what was measured while they were verified."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tinymnist.errors import DataError, UsageError
from tinymnist.files import sync_folder, write_atomically


@dataclass(frozen=True)
class Artifact:
    """Verified files, not yet written."""

    files: Mapping[str, bytes]
    """By their plain names."""
    facts: Mapping[str, int | float | str | bool]
    """Figures by their JSON keys: sizes in bytes, `accuracy` in percent with `n` images, `largest_difference`, …"""
    lines: tuple[str, ...]
    """The same in words, a line each, for people."""


def refuse_folder(folder: Path) -> None:
    """Raises `UsageError` where `folder` is there already, whatever it is."""
    if os.path.lexists(folder):
        raise UsageError(f"--output {folder}: is there already: choose another folder")


def write_artifact(artifact: Artifact, folder: Path) -> None:
    """Makes `folder` with the files, whole or not at all. Raises `UsageError` where it is there, `DataError` where it
    cannot be written."""
    refuse_folder(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise DataError(f"{folder}: cannot be written: {error.strerror or error}") from None
    try:
        for name, content in artifact.files.items():
            write_atomically(staging / name, content)
        os.chmod(staging, 0o777 & ~_umask())
        os.rename(staging, folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
