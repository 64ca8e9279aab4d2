"""The contents of many files, each known by its SHA-256. What is used later is what was hashed, or nothing."""

import hashlib
import threading
from collections.abc import Callable, Sequence
from itertools import chain

from tinymnist.data.threads import in_threads
from tinymnist.errors import DataError, ImageError

READERS = 8
"""Threads, on any number of cores: most of the time a thread waits for the disk."""
KEPT_BYTES = 256 << 20
"""The most that is kept in memory; other files are read again when they are used."""


class Contents:
    """Files that were all read once, and a digest for each."""

    def __init__(self, paths: Sequence[str], read: Callable[[str], bytes]) -> None:
        """`read` gives the bytes of a file; an `ImageError` is kept and raised when they are asked for."""
        self._paths, self._read = paths, read
        self._room, self._lock = KEPT_BYTES, threading.Lock()
        looks = [*chain.from_iterable(in_threads(self._look, paths, READERS))]
        self.digests = [digest for digest, _ in looks]
        """The SHA-256 of each file; of one that cannot be read, the reason."""
        self._kept = [kept for _, kept in looks]

    def __getitem__(self, index: int) -> bytes:
        """Raises `ImageError` for a file that could not be read, `DataError` for one that has changed since."""
        kept = self._kept[index]
        if isinstance(kept, ImageError):
            raise kept
        return self._read_again(index) if kept is None else kept

    def _look(self, path: str) -> tuple[str, bytes | ImageError | None]:
        """A digest, and what is kept."""
        try:
            content = self._read(path)
        except ImageError as error:
            return str(error), error
        with self._lock:
            self._room -= len(content)
            keep = self._room >= 0
        return hashlib.sha256(content).hexdigest(), content if keep else None

    def _read_again(self, index: int) -> bytes:
        path = self._paths[index]
        try:
            content = self._read(path)
        except ImageError:
            content = b""
        if hashlib.sha256(content).hexdigest() != self.digests[index]:
            raise DataError(f"{path}: has changed while the data set was read: let nothing write to it, and try again")
        return content
