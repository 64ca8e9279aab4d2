"""Loads a data set of the catalogue: found or downloaded, verified, in memory."""

import os
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from tinymnist.data.catalogue import IDX_DATASETS, MNIST, MNIST_5K, Published
from tinymnist.data.dataset import Dataset, Split
from tinymnist.data.download import download
from tinymnist.data.idx import MissingDataError, download_folder, read_idx_dataset
from tinymnist.data.mnist_5k import read_mnist_5k
from tinymnist.notices import MnistUnavailable, Warn, warn_in_python

AUTO = "auto"

SHORT_LIMIT_SECONDS = 60.0
LONG_LIMIT_SECONDS = 900.0


def load_published(name: str, data_dir: Path | None = None, warn: Warn = warn_in_python) -> Dataset:
    """Loads one of `DATASETS`, or what `auto` means. Raises as `load_dataset` does."""
    folder = data_dir or _default_folder()
    if name == MNIST_5K.name:
        return _dataset(MNIST_5K, *read_mnist_5k())
    if name != AUTO:
        return _load_idx(name, folder, LONG_LIMIT_SECONDS)
    try:
        return _load_idx(MNIST.name, folder, SHORT_LIMIT_SECONDS)
    except MissingDataError as problem:
        if data_dir is not None:
            raise MissingDataError(f"{problem}; or take the 5,000 digits of --dataset mnist-5k") from None
        dataset = _dataset(MNIST_5K, *read_mnist_5k())
        warn(MnistUnavailable(str(problem)))
        return dataset


def _default_folder() -> Path:
    return Path(os.environ.get("TINYMNIST_DATA") or download_folder())


def _load_idx(name: str, folder: Path, limit_seconds: float) -> Dataset:
    dataset = IDX_DATASETS[name]
    try:
        return _dataset(dataset, *read_idx_dataset(dataset, folder))
    except MissingDataError as missing:
        try:
            download(dataset, folder, limit_seconds)
        except MissingDataError as problem:
            raise MissingDataError(
                f"{missing}; {problem}: put its four files there, or name their folder by --data-dir or TINYMNIST_DATA"
            ) from None
        return _dataset(dataset, *read_idx_dataset(dataset, folder))


def _dataset(published: Published, arrays: list[NDArray[np.uint8]], checksums: dict[str, str]) -> Dataset:
    """In the order of its files, which is not the canonical one."""
    train_images, train_labels, test_images, test_labels = (torch.from_numpy(array.copy()) for array in arrays)
    return Dataset(
        published.name,
        published.class_names,
        Split(train_images.unsqueeze(1), train_labels.long()),
        Split(test_images.unsqueeze(1), test_labels.long()),
        published.digest,
        checksums,
        published.prepare,
    )
