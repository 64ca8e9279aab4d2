"""Decoded data sets in the user's cache, so that the same files are decoded only once.

A data set is found by what its files are called and hold, never by a time stamp: whatever changes makes another key.
"""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import PIL

from tinymnist.data.as_read import ReadOptions
from tinymnist.data.assembly import assemble
from tinymnist.data.contents import Contents
from tinymnist.data.encoded import Encoded, Found
from tinymnist.data.image_set import ImageSet
from tinymnist.data.image_set_arrays import arrays_of, image_set_of
from tinymnist.errors import DataError
from tinymnist.sealed_cache import SealedCache
from tinymnist.text import printable
from tinymnist.version import __version__

CACHE = SealedCache("images", format="tinymnist-images-3", limit=4 << 30)


def read_through_cache(name: str, source: Encoded, options: ReadOptions) -> ImageSet:
    """Reads every file, but decodes them only where the cache does not have what they show. Raises `DataError`.

    A cache that cannot be used is done without.
    """
    contents = Contents(source.paths, source.read)
    key = _key(source.files, contents.digests, options)
    data = _look_up(key, name, printable(str(source.root)))
    if data is None:
        data = assemble(name, source.decode(contents, options), options)
        with suppress(DataError, MemoryError):  # it is only a cache
            CACHE.keep(key, arrays_of(data))
    return replace(data, notices=(*source.notices, *data.notices))


def _key(files: Sequence[Found], digests: Sequence[str], options: ReadOptions) -> str:
    """SHA-256 over all that decides which images are read: also the version of what decodes them."""
    members = [[file.split, file.class_name, file.path, digest] for file, digest in zip(files, digests, strict=True)]
    everything = [__version__, PIL.__version__, options.resize, options.skip_unreadable, members]
    return hashlib.sha256(json.dumps(everything).encode("ascii")).hexdigest()


def _look_up(key: str, name: str, folder: str) -> ImageSet | None:
    """None where the file is missing, damaged, or another's."""
    arrays = CACHE.look_up(key)
    if arrays is None:
        return None
    try:
        return image_set_of(arrays, name, folder)
    except (DataError, KeyError, TypeError, ValueError):
        return None
