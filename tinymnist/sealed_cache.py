"""A folder of the user's cache that holds sealed files, found by keys that say all that their content depends on."""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
from numpy.typing import NDArray

from tinymnist.errors import DataError
from tinymnist.files import make_room
from tinymnist.sealed import Arrays, DamagedError, read_sealed, write_sealed

KEY = "key"
OWN = re.compile(r"[0-9a-f]{64}\.safetensors|\..*\.tmp")
"""Names of the files that are made here, also by killed processes. The folder may be a link to one that holds others
too."""


@dataclass(frozen=True)
class SealedCache:
    """Arrays by key, in files of one format. It can always be done without: what goes wrong here stops nobody."""

    name: str
    """Of its folder."""
    format: str
    """To be changed with whatever gives another content for the same key, within one version of tinymnist."""
    limit: int
    """Bytes of all files; beyond it, those that were not used for the longest time are removed."""

    @property
    def folder(self) -> Path:
        return platformdirs.user_cache_path("tinymnist") / self.name

    def look_up(self, key: str) -> Arrays | None:
        """The arrays that were kept under this key, a SHA-256 in hexadecimal; None where there are none, or the file
        is damaged or may be another's."""
        path = self._path(key)
        try:
            if not _is_private(self.folder):
                return None
            header, arrays = read_sealed(path, self.format, self.limit)
            if header[KEY] != key:
                return None
        except (OSError, DataError, DamagedError, KeyError):
            return None
        with suppress(OSError):
            os.utime(path)  # used now
        return arrays

    def keep(self, key: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keeps arrays under this key, where that is possible."""
        with suppress(OSError, DataError, MemoryError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _is_private(self.folder):
                write_sealed(self._path(key), self.format, {KEY: key}, arrays)
                make_room(self.folder, OWN, self.limit, self._path(key))

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.safetensors"


def _is_private(folder: Path) -> bool:
    """Whether nobody else can put a file there: it is this user's, also where a link leads to it. Raises `OSError`."""
    status = os.stat(folder)
    return os.name != "posix" or (status.st_uid == os.getuid() and not status.st_mode & 0o022)
