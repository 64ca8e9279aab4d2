"""What an export produces: its files, and what was measured while verifying them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from tinymnist.errors import DataError, UsageError
from tinymnist.files import write_folder


@dataclass(frozen=True)
class Artifact:
    """Verified files that are not written yet."""

    files: Mapping[str, bytes]
    """The content of each file by its name, or by its path in the folder."""
    facts: Mapping[str, int | float | str | bool]
    """Figures by their JSON keys: sizes in bytes, `accuracy` in percent with `n` images, `largest_difference`, …"""


def refuse_folder(folder: Path) -> None:
    """Raises `UsageError` if `folder` already exists, whatever it is."""
    if os.path.lexists(folder):
        raise _taken(folder)


def write_artifact(artifact: Artifact, folder: Path) -> None:
    """Makes `folder` with the files, whole or not at all. Raises `UsageError` if it already exists, `DataError` if it
    cannot be written."""
    try:
        write_folder(folder, artifact.files)
    except FileExistsError:
        raise _taken(folder) from None
    except OSError as error:
        raise DataError(f"{folder}: cannot be written: {error.strerror or error}") from None


def public_name(dataset: str) -> str:
    """A data set's name, for files that are passed on; of a path only the last part, which tells nothing of its
    owner."""
    return PurePath(dataset).name or dataset


def _taken(folder: Path) -> UsageError:
    return UsageError(f"--output {folder}: already exists: choose another folder")
