"""Reads a data set from anywhere: a path, or a name of the catalogue."""

import os
from pathlib import Path

from tinymnist.data.as_read import AS_THEY_ARE, AsRead, ReadOptions
from tinymnist.data.assembly import assemble
from tinymnist.data.cache import read_through_cache
from tinymnist.data.catalogue import DATASETS
from tinymnist.data.class_folders import find_class_folders, has_splits
from tinymnist.data.csv_files import FILES as CSV_FILES
from tinymnist.data.csv_files import read_csv
from tinymnist.data.encoded import Encoded
from tinymnist.data.idx_files import parse_name, read_idx_files
from tinymnist.data.image_set import ImageSet
from tinymnist.data.npz import read_npz
from tinymnist.data.parquet import find_parquet, find_parquet_files
from tinymnist.data.published import read_published
from tinymnist.errors import DataError, UsageError
from tinymnist.text import did_you_mean, printable


def read_image_set(source: str, data_dir: Path | None = None, options: ReadOptions = AS_THEY_ARE) -> ImageSet:
    """Reads the data set that `source` names: one of `DATASETS`, or a path of

    - a folder of class folders, `train/CLASS/*` and `test/CLASS/*`, or `CLASS/*`;
    - an `.npz` file with the arrays of Keras or MedMNIST;
    - IDX files, as a folder or one of them;
    - a `.csv` file, or a folder of `train.csv` and `test.csv`;
    - a `.parquet` file, or a folder of such.

    Where there is no test set, a fifth of the images becomes one (`splitting`). A published data set is looked for in
    `data_dir`. Decoded pictures are cached (`cache`). Raises `UsageError` where `source` names nothing that can be
    read, `DataError` where what it names is damaged or no network could be trained on it.
    """
    if source in DATASETS:
        return assemble(source, read_published(source, data_dir)[0], options)
    if not source:
        raise UsageError("PATH|NAME: is empty: name a folder, a file or a data set")
    return _read_path(Path(source), printable(source), options)


def _read_path(path: Path, name: str, options: ReadOptions) -> ImageSet:
    try:
        is_folder = path.is_dir()
        if not is_folder and not os.path.lexists(path):
            known = did_you_mean(path.name, DATASETS)
            raise UsageError(f"{path}: no such file or folder, nor a data set that is known by name: {known}")
        found = _from_folder(path) if is_folder else _from_file(path)
        if isinstance(found, Encoded):
            return read_through_cache(name, found, options)
        return assemble(name, found, options)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None


def _from_file(path: Path) -> AsRead | Encoded:
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return read_npz(path)
    if suffix == ".csv":
        return read_csv(path)
    if suffix == ".parquet":
        return find_parquet_files(path)
    if parse_name(path.name):
        return read_idx_files(path)
    raise UsageError(
        f"{path}: is not a data set: expects a folder, or a file named .npz, .csv, .parquet or ...-idx3-ubyte"
    )


def _from_folder(path: Path) -> AsRead | Encoded:
    if has_splits(path):
        return find_class_folders(path)
    if any(parse_name(name) for name in os.listdir(path)):
        return read_idx_files(path)
    if (path / CSV_FILES["train"]).exists():
        return read_csv(path)
    for folder in (path, path / "data"):
        if folder.is_dir() and "train" in find_parquet(folder).values():
            return find_parquet_files(folder)
    return find_class_folders(path)
