"""Loads any data set by its name: found or downloaded, verified, in memory."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tinymnist.data.catalogue import DATASETS, IDX_DATASETS, MNIST
from tinymnist.data.download import download
from tinymnist.data.idx import MissingDataError, download_folder, read_idx_dataset
from tinymnist.data.mnist_5k import read_mnist_5k
from tinymnist.errors import UsageError
from tinymnist.notices import MnistUnavailable, Warn, warn_in_python
from tinymnist.text import did_you_mean, shown

AUTO = "auto"

SHORT_LIMIT_SECONDS = 60.0
LONG_LIMIT_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Split:
    """Images (N, 28, 28) uint8 and labels (N,) int64."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def sample(self, count: int) -> "Split":
        """`count` of the images, or all where there are fewer, at even distances: always the same ones."""
        kept = min(count, len(self))
        chosen = torch.arange(kept, device=self.labels.device) * len(self) // max(1, kept)
        return Split(self.images[chosen], self.labels[chosen])

    def to(self, device: torch.device) -> "Split":
        return Split(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set in memory."""

    name: str
    train: Split
    test: Split
    """The images to score on: the test set, or those that `hold_out` takes from the training images."""
    checksums: dict[str, str]
    """SHA-256 of each file's decompressed bytes."""

    def hold_out(self, count: int) -> "Dataset":
        """This data set with `count` training images in place of the test set: the last ones of each class, in
        proportion to its size.

        Raises `UsageError` where no image would be left to train on, or none to score on.
        """
        total = len(self.train)
        if not 1 <= count < total:
            raise UsageError(f"--validation {count}: expects 1 to {total - 1:,} of {self.name}'s training images")
        held = torch.zeros(total, dtype=torch.bool)
        for label, share in enumerate(_shares(torch.bincount(self.train.labels).tolist(), count)):
            members = torch.nonzero(self.train.labels == label).flatten()
            held[members[len(members) - share :]] = True
        images, labels = self.train.images, self.train.labels
        return replace(self, train=Split(images[~held], labels[~held]), test=Split(images[held], labels[held]))

    def to(self, device: torch.device) -> "Dataset":
        return replace(self, train=self.train.to(device), test=self.test.to(device))


def _shares(sizes: list[int], count: int) -> list[int]:
    """Divides `count` in proportion to `sizes`, in whole numbers, by the method of largest remainders."""
    total = sum(sizes)
    shares = [size * count // total for size in sizes]
    by_remainder = sorted(range(len(sizes)), key=lambda index: -(sizes[index] * count % total))
    for index in by_remainder[: count - sum(shares)]:
        shares[index] += 1
    return shares


def usable_name(name: str) -> str:
    """Returns `name` if it names a data set or is `auto`. Raises `UsageError`."""
    if name not in (*DATASETS, AUTO):
        raise UsageError(f"--dataset {shown(name)[1:-1]}: no such data set: {did_you_mean(name, (*DATASETS, AUTO))}")
    return name


def load_dataset(name: str = AUTO, data_dir: Path | None = None, warn: Warn = warn_in_python) -> Dataset:
    """Loads a data set, and downloads it first if necessary.

    `name` is one of `DATASETS`, or `auto`: MNIST, or mnist-5k where MNIST is not in the folder and cannot be downloaded
    within a minute; `warn` is then called. `data_dir` is by default the folder that `TINYMNIST_DATA` names, else the
    user's cache; `auto` does not fall back from a folder that is given. Raises `UsageError` for an unknown name,
    `DataError` for data that is missing or damaged.
    """
    folder = data_dir or _default_folder()
    if usable_name(name) == "mnist-5k":
        return _dataset("mnist-5k", *read_mnist_5k())
    if name != AUTO:
        return _load_idx(name, folder, LONG_LIMIT_SECONDS)
    try:
        return _load_idx(MNIST.name, folder, SHORT_LIMIT_SECONDS)
    except MissingDataError as problem:
        if data_dir is not None:
            raise MissingDataError(f"{problem}; or take the 5,000 digits of --dataset mnist-5k") from None
        dataset = _dataset("mnist-5k", *read_mnist_5k())
        warn(MnistUnavailable(str(problem)))
        return dataset


def _default_folder() -> Path:
    return Path(os.environ.get("TINYMNIST_DATA") or download_folder())


def _load_idx(name: str, folder: Path, limit_seconds: float) -> Dataset:
    dataset = IDX_DATASETS[name]
    try:
        return _dataset(name, *read_idx_dataset(dataset, folder))
    except MissingDataError as missing:
        try:
            download(dataset, folder, limit_seconds)
        except MissingDataError as problem:
            raise MissingDataError(
                f"{missing}; {problem}: put its four files there, or name their folder by --data-dir or TINYMNIST_DATA"
            ) from None
        return _dataset(name, *read_idx_dataset(dataset, folder))


def _dataset(name: str, arrays: list[NDArray[np.uint8]], checksums: dict[str, str]) -> Dataset:
    tensors = [torch.from_numpy(array.copy()) for array in arrays]
    train_images, train_labels, test_images, test_labels = tensors
    return Dataset(name, Split(train_images, train_labels.long()), Split(test_images, test_labels.long()), checksums)
