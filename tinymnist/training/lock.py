"""A lock that lets one process at a time train in a directory."""

import contextlib
import os
import platform
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tinymnist.errors import DataError, RunError
from tinymnist.files import read_bytes, sweep, write_atomically

LOCK, HOLDER = ".lock", ".holder"
"""The first file carries the system's lock, which ends with its process, however that ends; the second only names the
process that holds it."""

NOTE_SECONDS, NOTE_TRIES = 3.0, 30
"""How long and how often to look for the name of a process that has just taken the lock; a busy disk takes more
than half a second to write it."""


@contextmanager
def locked(path: Path, patience_seconds: float = 0.0) -> Iterator[None]:
    """Locks the directory of a run or series, and removes temporary files that killed processes left there.

    Raises `RunError` where another process still holds the lock after `patience_seconds`, `DataError` where the
    directory cannot be written.
    """
    lock = FileLock(path / LOCK, timeout=patience_seconds)
    try:
        lock.acquire()
    except Timeout:
        raise RunError(f"{path}: {_holder(path)} is training here: wait for it, or stop it first") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}") from None
    try:
        write_atomically(path / HOLDER, f"{os.getpid()} {platform.node()}\n")
        sweep(path)
        yield
    finally:
        with contextlib.suppress(OSError):
            (path / HOLDER).unlink()
        lock.release()


def _holder(path: Path) -> str:
    """Names the process that holds the lock. It may not have written its name yet; a name that a killed process left is
    ignored."""
    for _ in range(NOTE_TRIES):
        if named := _named(path):
            return named
        time.sleep(NOTE_SECONDS / NOTE_TRIES)
    return "another process"


def _named(path: Path) -> str | None:
    try:
        note = re.fullmatch(r"([1-9]\d{0,9}) ([\w.-]{1,255})\n", read_bytes(path / HOLDER).decode())
    except (DataError, UnicodeDecodeError):
        return None
    if note is None:
        return None
    process, host = note.groups()
    if host != platform.node():
        return f"process {process} on {host}"
    return f"process {process}" if _has_open(process, path / LOCK) else None


def _has_open(process: str, lock: Path) -> bool:
    """Whether a process has the lock file open, as far as this system can tell."""
    if not os.path.isdir("/proc/self/fd"):
        return True
    handles = Path("/proc") / process / "fd"
    try:
        return any(os.path.exists(handle) and os.path.samefile(handle, lock) for handle in handles.iterdir())
    except PermissionError:  # the process of another user
        return True
    except OSError:
        return False
