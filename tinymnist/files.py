"""Reads and writes files so that nothing is lost."""

import contextlib
import errno
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tinymnist.errors import DataError
from tinymnist.signals import signals_held

SUFFIX = ".tmp"
"""Ends the names of temporary files that `write_atomically` makes."""

MAX_BYTES = 1 << 30
"""The largest file that is read: several times the size of any weights or data set here."""


def read_bytes(path: str | Path, limit: int = MAX_BYTES) -> bytes:
    """Reads a regular file of at most `limit` bytes; reading a pipe or a device might never end. Raises `DataError`."""
    refuse_unreadable(path, limit)
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None


def refuse_unreadable(path: str | Path, limit: int = MAX_BYTES) -> None:
    """Raises `DataError` for anything but a regular file of at most `limit` bytes."""
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise DataError(f"{path}: cannot be read: {reason or error}") from None
    if not stat.S_ISREG(status.st_mode):
        raise DataError(f"{path}: cannot be read: is not a regular file")
    if status.st_size > limit:
        raise DataError(f"{path}: cannot be read: larger than {limit:,} bytes, as no such file is")


def write_atomically(path: str | Path, content: bytes | str) -> None:
    """Writes a file that appears whole or not at all, also when power fails: temporary file in the same folder, fsync,
    rename, fsync of the folder. Raises `DataError`, and then leaves an earlier file as it was."""
    path = Path(path)
    data = content.encode("utf-8") if isinstance(content, str) else content
    temporary = path.parent / f".{secrets.token_hex(8)}{SUFFIX}"
    with signals_held():
        try:
            with open(temporary, "xb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, path)
            sync_folder(path.parent)
        except (OSError, ValueError) as error:  # `ValueError`: a NUL in the path
            reason = error.strerror if isinstance(error, OSError) else None
            raise DataError(f"{path}: cannot be written: {reason or error}") from None
        finally:
            with contextlib.suppress(OSError, ValueError):
                temporary.unlink()


def write_folder(path: Path, files: Mapping[str, bytes | str]) -> None:
    """Makes a folder that appears with all its files or not at all, and missing folders above it.

    Raises `FileExistsError` where the name is taken, `OSError` or `DataError` where it cannot be written.
    """
    with signals_held():
        try:
            make_folder(path.parent)
        except FileExistsError:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path.parent)) from None
        staging = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            for name, content in files.items():
                make_folder((staging / name).parent)
                write_atomically(staging / name, content)
            os.chmod(staging, 0o755)
            os.rename(staging, path)  # fails where another process has taken the name meanwhile
            sync_folder(path.parent)
        except OSError as error:
            if error.errno in _TAKEN:
                raise FileExistsError(error.errno, error.strerror, str(path)) from None
            raise
        finally:
            shutil.rmtree(staging, ignore_errors=True)


_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)
"""Errors of `rename` for a name that is taken; they depend on the system."""


def sweep(folder: Path) -> None:
    """Removes temporary files that killed processes left in a folder. The caller must hold the folder's lock."""
    for temporary in folder.glob(f".*{SUFFIX}"):
        with contextlib.suppress(OSError):
            temporary.unlink()


def make_room(folder: Path, own: re.Pattern[str], limit: int, newest: Path) -> list[Path]:
    """Removes those files of a cache that were not used for the longest time, so that `newest` and the others have at
    most `limit` bytes. `own` matches the names of the files that count; there may be others. Returns what it removed.

    Raises `OSError`.
    """
    entries = [entry for entry in os.scandir(folder) if own.fullmatch(entry.name) and entry.name != newest.name]
    others = [(entry.stat(follow_symlinks=False), Path(entry.path)) for entry in entries]
    room, removed = limit - newest.stat().st_size, []
    for status, path in sorted(others, key=lambda other: other[0].st_mtime_ns, reverse=True):
        room -= status.st_size
        if room < 0:
            path.unlink()
            removed.append(path)
    return removed


def make_folder(path: Path) -> None:
    """Makes a folder, and missing folders above it, so that they survive a power failure. Raises `OSError`."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    if missing:
        path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        sync_folder(folder.parent)


def sync_file(path: Path) -> None:
    """Makes the content of a file that another program has written survive a power failure. Raises `OSError`."""
    with open(path, "r+b") as stream:
        os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Makes a rename in `folder` survive a power failure, on systems where that is possible."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
