"""Decoded data sets in the user's cache, so that the same files are decoded only once.

A data set is found by what its files are called and hold, never by a time stamp: whatever changes makes another key.
"""

import hashlib
import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import PIL
import platformdirs

from tinymnist.data.as_read import ReadOptions
from tinymnist.data.assembly import assemble
from tinymnist.data.contents import Contents
from tinymnist.data.encoded import Encoded, Found
from tinymnist.data.image_set import ImageSet
from tinymnist.data.image_set_arrays import arrays_of, image_set_of
from tinymnist.errors import DataError
from tinymnist.sealed import DamagedError, read_sealed, write_sealed
from tinymnist.text import printable
from tinymnist.version import __version__

FORMAT = "tinymnist-images-3"
"""To be changed with whatever gives other images for the same files, within one version of tinymnist."""
KEY = "key"
OWN = re.compile(r"[0-9a-f]{64}\.safetensors|\..*\.tmp")
"""Names of the files that are made here. The folder may be a link to one that holds others too."""
LIMIT = 4 << 30
"""Bytes of all files in the cache; beyond it, those that were not used for the longest time are removed."""


def cache_folder() -> Path:
    """Where decoded data sets are kept."""
    return platformdirs.user_cache_path("tinymnist") / "images"


def read_through_cache(name: str, source: Encoded, options: ReadOptions) -> ImageSet:
    """Reads every file, but decodes them only where the cache does not have what they show. Raises `DataError`.

    A cache that cannot be used is done without.
    """
    contents = Contents(source.paths, source.read)
    key = _key(source.files, contents.digests, options)
    path = cache_folder() / f"{key}.safetensors"
    data = _look_up(path, key, name, printable(str(source.root)))
    if data is None:
        data = assemble(name, source.decode(contents, options), options)
        _keep(path, key, data)
    return replace(data, notices=(*source.notices, *data.notices))


def _key(files: Sequence[Found], digests: Sequence[str], options: ReadOptions) -> str:
    """SHA-256 over all that decides which images are read: also the version of what decodes them."""
    members = [[file.split, file.class_name, file.path, digest] for file, digest in zip(files, digests, strict=True)]
    everything = [__version__, PIL.__version__, options.resize, options.skip_unreadable, members]
    return hashlib.sha256(json.dumps(everything).encode("ascii")).hexdigest()


def _look_up(path: Path, key: str, name: str, folder: str) -> ImageSet | None:
    """None where the file is missing, damaged, or another's."""
    try:
        if not _is_private(path.parent):
            return None
        header, arrays = read_sealed(path, FORMAT, LIMIT)
        if header[KEY] != key:
            return None
        data = image_set_of(arrays, name, folder)
    except (OSError, DataError, DamagedError, KeyError, TypeError, ValueError):
        return None
    with suppress(OSError):
        os.utime(path)  # used now
    return data


def _keep(path: Path, key: str, data: ImageSet) -> None:
    with suppress(OSError, DataError, MemoryError):  # it is only a cache
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_private(path.parent):
            return
        write_sealed(path, FORMAT, {KEY: key}, arrays_of(data))
        _make_room(path)


def _is_private(folder: Path) -> bool:
    """Whether nobody else can put a file there: it is this user's, also where a link leads to it. Raises `OSError`."""
    status = os.stat(folder)
    return os.name != "posix" or (status.st_uid == os.getuid() and not status.st_mode & 0o022)


def _make_room(newest: Path) -> None:
    """Removes those of its files that were not used for the longest time, and what killed processes left."""
    own = [entry for entry in os.scandir(newest.parent) if OWN.fullmatch(entry.name) and entry.name != newest.name]
    others = [(entry.stat(follow_symlinks=False), entry.path) for entry in own]
    room = LIMIT - newest.stat().st_size
    for status, path in sorted(others, key=lambda other: other[0].st_mtime_ns, reverse=True):
        room -= status.st_size
        if room < 0:
            os.unlink(path)
