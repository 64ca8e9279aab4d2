"""What an export gives: files by name, and what was measured while they were verified."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tinymnist.errors import DataError, UsageError
from tinymnist.files import write_folder


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
        raise _taken(folder)


def write_artifact(artifact: Artifact, folder: Path) -> None:
    """Makes `folder` with the files, whole or not at all. Raises `UsageError` where it is there, `DataError` where it
    cannot be written."""
    try:
        write_folder(folder, artifact.files)
    except FileExistsError:
        raise _taken(folder) from None
    except OSError as error:
        raise DataError(f"{folder}: cannot be written: {error.strerror or error}") from None


def _taken(folder: Path) -> UsageError:
    return UsageError(f"--output {folder}: is there already: choose another folder")
