"""Finding IDX files and reading them, each byte verified."""

import hashlib
import os
import zlib
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import NDArray

from tinymnist.data.catalogue import IDX_DATASETS, IMAGES_HEADER, LABELS_HEADER, IdxDataset, IdxFile
from tinymnist.errors import DataError
from tinymnist.files import read_bytes


class MissingDataError(DataError):
    """A data set that is not in the folder, or cannot be downloaded; another source may have it."""


def read_idx_dataset(dataset: IdxDataset, folder: Path) -> tuple[list[NDArray[np.uint8]], dict[str, str]]:
    """The four arrays of a data set, and the SHA-256 of each file's decompressed bytes.

    Each file, raw or `.gz`, is looked for where torchvision puts it (`folder/MNIST/raw`) and in the folder itself.
    Raises `MissingDataError` where one is missing, `DataError` naming the file where one is not the published
    one.
    """
    arrays, digests = [], {}
    for file in dataset.files:
        content = _read(file, dataset, folder)
        digests[file.stem] = hashlib.sha256(content).hexdigest()
        data = np.frombuffer(content, np.uint8)
        images = "images" in file.stem
        arrays.append(data[IMAGES_HEADER:].reshape(-1, 28, 28) if images else data[LABELS_HEADER:])
    return arrays, digests


def _read(file: IdxFile, dataset: IdxDataset, folder: Path) -> bytes:
    unverifiable = None
    for place in (folder / dataset.torchvision_class / "raw", folder):
        for path in (place / file.stem, place / f"{file.stem}.gz"):
            if not os.path.isfile(path):
                continue
            stored = read_bytes(path)
            content = _decompressed(stored, file, path) if path.suffix == ".gz" else stored
            if hashlib.sha256(content if file.of == "raw" else stored).hexdigest() == file.digest:
                return content
            if _belongs_to_another(dataset, stored, content):
                continue
            if file.of == "raw" or path.suffix == ".gz":
                raise _damaged(path, "its SHA-256 is not the published one")
            unverifiable = path  # only the .gz file has a published digest
    if unverifiable is not None:
        raise DataError(f"{unverifiable}: cannot be verified alone: put {file.stem}.gz beside it")
    raise MissingDataError(f"{folder}: holds no {file.stem} of {dataset.name}, raw or .gz")


def _belongs_to_another(dataset: IdxDataset, stored: bytes, content: bytes) -> bool:
    """Whether these bytes are a file of another data set: the data sets share their file names."""
    others = {file.digest for other in IDX_DATASETS.values() if other is not dataset for file in other.files}
    return bool({hashlib.sha256(stored).hexdigest(), hashlib.sha256(content).hexdigest()} & others)


def _decompressed(stored: bytes, file: IdxFile, path: Path) -> bytes:
    try:
        content = zlib.decompressobj(wbits=31).decompress(stored, file.size + 1)
    except zlib.error as error:
        raise _damaged(path, str(error)) from None
    if len(content) != file.size:
        raise _damaged(path, f"{len(content):,} bytes decompressed, not {file.size:,}")
    return content


def _damaged(path: Path, why: str) -> DataError:
    """Only what tinymnist has downloaded may be deleted; other files may be somebody's own."""
    if path.is_relative_to(download_folder()):
        return DataError(f"{path}: damaged ({why}): delete the file and run again to download it again")
    remedy = "name a folder that holds the published files by --data-dir or TINYMNIST_DATA"
    return DataError(f"{path}: is not the published file ({why}): {remedy}")


def download_folder() -> Path:
    """Where data sets are downloaded to, unless a folder is named."""
    return platformdirs.user_cache_path("tinymnist") / "data"
