"""Loads any data set, by its name or from a path: found or downloaded, verified, in memory."""

import os
import shlex
from pathlib import Path

import numpy as np
import torch

from tinymnist.data.as_read import AS_THEY_ARE, ReadOptions
from tinymnist.data.catalogue import DATASETS, MNIST, MNIST_5K, PUBLISHED, find_published
from tinymnist.data.dataset import Dataset, Split
from tinymnist.data.finding import MissingDataError
from tinymnist.data.identity import digest_in_order
from tinymnist.data.image_set import Images, ImageSet
from tinymnist.data.published import LIMIT_SECONDS, read_published
from tinymnist.data.sources import read_image_set
from tinymnist.errors import DataError, UsageError
from tinymnist.notices import FifthTaken, MnistUnavailable, Warn, warn_in_python
from tinymnist.text import did_you_mean, printable, shown

AUTO = "auto"
LONGEST_PATH = 1000
"""Characters of a path that records can hold."""
AUTO_LIMIT_SECONDS = 60.0


def is_there(source: str) -> bool:
    """Whether `source` names a data set, is `auto`, or is a path where something is."""
    return source in (*DATASETS, AUTO) or (source != "" and os.path.lexists(source))


def usable_source(source: str) -> str:
    """Returns `source` if it is there, and can be written down. Raises `UsageError`."""
    if not is_there(source):
        known = did_you_mean(source, (*DATASETS, AUTO))
        raise UsageError(f"--dataset {shown(source, 200)[1:-1]}: no such data set, file or folder: {known}")
    if printable(source) != source or len(source) > LONGEST_PATH:
        raise UsageError(
            f"--dataset {shown(source, 200)[1:-1]}: cannot be recorded: rename it: expects up to {LONGEST_PATH:,} "
            "characters, in UTF-8, none of which controls a terminal"
        )
    return source


def trainable_source(source: str) -> str:
    """Returns a `usable_source` that is not for evaluation alone. Raises `UsageError`."""
    if usable_source(source) in PUBLISHED and PUBLISHED[source].for_evaluation_only:
        raise UsageError(
            f"--dataset {source}: has no training images: train on another, and score the run with "
            f"`tinymnist evaluate RUN --dataset {source}`"
        )
    return source


def load_dataset(
    source: str = AUTO,
    data_dir: Path | None = None,
    warn: Warn = warn_in_python,
    options: ReadOptions = AS_THEY_ARE,
    *,
    may_download: bool = True,
) -> Dataset:
    """Loads a data set, and downloads it first if necessary, unless it may not.

    `source` is one of `DATASETS`; `auto`: MNIST, or mnist-5k where MNIST is not in the folder and cannot be downloaded
    within a minute; or a path that `read_image_set` can read, with `options`. `warn` is called where `auto` means
    mnist-5k, and with what is worth knowing of images from a path. `data_dir` is by default the folder that
    `TINYMNIST_DATA` names, else the user's cache; `auto` does not fall back from a folder that is given. Raises
    `UsageError` for an unknown name, `DataError` for data that is missing, damaged, or has images that stand both in
    training and test.
    """
    if usable_source(source) == AUTO:
        return _load_mnist_or_5k(data_dir, warn)
    limit = LIMIT_SECONDS if may_download else None
    return _load_published(source, data_dir, limit) if source in DATASETS else _from_path(source, warn, options)


def _load_mnist_or_5k(data_dir: Path | None, warn: Warn) -> Dataset:
    try:
        return _load_published(MNIST.name, data_dir, AUTO_LIMIT_SECONDS)
    except MissingDataError as problem:
        if data_dir is not None:
            raise MissingDataError(f"{problem}; or take the 5,000 digits of --dataset mnist-5k") from None
        dataset = _load_published(MNIST_5K.name)
        warn(MnistUnavailable(str(problem)))
        return dataset


def _load_published(name: str, data_dir: Path | None = None, limit_seconds: float | None = LIMIT_SECONDS) -> Dataset:
    """In the order of its files, which is not the canonical one."""
    found, checksums = read_published(name, data_dir, limit_seconds)
    published = PUBLISHED[name]
    pixels = {split: np.require(part.images, requirements="W")[:, None] for split, part in found.parts.items()}
    digest = published.digest or digest_in_order(
        published.class_names, {split: (pixels[split], part.labels) for split, part in found.parts.items()}
    )
    train, test = (
        Split(torch.from_numpy(pixels[split]), torch.from_numpy(found.parts[split].labels))
        for split in ("train", "test")
    )
    return Dataset(name, published.class_names, train, test, digest, checksums, published.prepare)


def _from_path(source: str, warn: Warn, options: ReadOptions) -> Dataset:
    found = read_image_set(source, options=options)
    _refuse_leaks(found, source, options)
    if not len(found.test):
        raise DataError(
            f"{found.name}: has no test set, and no image that could be set aside for one: add images to a class"
        )
    for notice in found.notices:
        if not isinstance(notice, FifthTaken):  # `data` and `new` have said so
            warn(notice)
    published = find_published(found.name, found.digest)
    return Dataset(
        found.name,
        found.class_names,
        _split(found.train),
        _split(found.test),
        found.digest,
        prepare="resize" if published is None else published.prepare,
        val=None if found.val is None else _split(found.val),
        notices=found.notices,
    )


def _refuse_leaks(found: ImageSet, source: str, options: ReadOptions) -> None:
    if found.leaks:
        first, second, *_ = found.leaks[0]
        count = len(found.leaks)
        raise DataError(
            f"{found.name}: {'1 image stands' if count == 1 else f'{count:,} images stand'} in more than one split, "
            f"such as {first.origin} ({first.split}) and {second.origin} ({second.split}), which makes figures too "
            f"good: remove all but one copy of each; `tinymnist data {shlex.quote(printable(source))}"
            f"{_as_given(options)}` lists them"
        )


def _split(images: Images) -> Split:
    return Split(torch.from_numpy(images.pixels), torch.from_numpy(images.labels))


def _as_given(options: ReadOptions) -> str:
    """The options as they are given to `data`."""
    resize = "" if options.resize is None else f" --resize {options.resize[0]} {options.resize[1]}"
    return resize + " --skip-unreadable" * options.skip_unreadable
