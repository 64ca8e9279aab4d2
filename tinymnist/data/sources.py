"""Reads a data set from anywhere: a path, or a name of the catalogue."""

import os
from pathlib import Path

from tinymnist.data.as_read import AS_THEY_ARE, AsRead, ReadOptions
from tinymnist.data.assembly import assemble
from tinymnist.data.catalogue import DATASETS
from tinymnist.data.class_folders import has_splits, read_class_folders
from tinymnist.data.csv_files import FILES as CSV_FILES
from tinymnist.data.csv_files import read_csv
from tinymnist.data.idx_files import parse_name, read_idx_files
from tinymnist.data.image_set import ImageSet
from tinymnist.data.npz import read_npz
from tinymnist.data.parquet import find_parquet, read_parquet
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
    `data_dir`. Raises `UsageError` where `source` names nothing that can be read, `DataError` where what it names is
    damaged or no network could be trained on it.
    """
    if source in DATASETS:
        return assemble(source, read_published(source, data_dir)[0], options)
    if not source:
        raise UsageError("PATH|NAME: is empty: name a folder, a file or a data set")
    return assemble(printable(source), _from_path(Path(source), options), options)


def _from_path(path: Path, options: ReadOptions) -> AsRead:
    try:
        is_folder = path.is_dir()
        if not is_folder and not os.path.lexists(path):
            known = did_you_mean(path.name, DATASETS)
            raise UsageError(f"{path}: no such file or folder, nor a data set that is known by name: {known}")
        return _from_folder(path, options) if is_folder else _from_file(path, options)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None


def _from_file(path: Path, options: ReadOptions) -> AsRead:
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return read_npz(path)
    if suffix == ".csv":
        return read_csv(path)
    if suffix == ".parquet":
        return read_parquet(path, options)
    if parse_name(path.name):
        return read_idx_files(path)
    raise UsageError(
        f"{path}: is not a data set: expects a folder, or a file named .npz, .csv, .parquet or ...-idx3-ubyte"
    )


def _from_folder(path: Path, options: ReadOptions) -> AsRead:
    if has_splits(path):
        return read_class_folders(path, options)
    if any(parse_name(name) for name in os.listdir(path)):
        return read_idx_files(path)
    if (path / CSV_FILES["train"]).exists():
        return read_csv(path)
    for folder in (path, path / "data"):
        if folder.is_dir() and "train" in find_parquet(folder).values():
            return read_parquet(folder, options)
    return read_class_folders(path, options)
