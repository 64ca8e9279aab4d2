"""Loads a data set of the catalogue: found or downloaded, verified, in memory. No torch."""

import hashlib
import os
from pathlib import Path

import numpy as np

from tinymnist.data.as_read import AsRead, Part
from tinymnist.data.catalogue import PUBLISHED
from tinymnist.data.download import download
from tinymnist.data.finding import MissingDataError, download_folder, find_files
from tinymnist.data.formats import READERS
from tinymnist.data.publication import Published

LIMIT_SECONDS = 900.0


def read_published(
    name: str, data_dir: Path | None = None, limit_seconds: float | None = LIMIT_SECONDS
) -> tuple[AsRead, dict[str, str]]:
    """One of `DATASETS` in the order of its files, and the SHA-256 of each unpacked file.

    Files are looked for in `data_dir`, by default the folder that `TINYMNIST_DATA` names, else the user's cache, and
    downloaded there within the time limit, unless that is None. Raises `MissingDataError` where that fails, `DataError`
    for other files than the published ones.
    """
    published = PUBLISHED[name]
    files = _found_or_downloaded(published, data_dir or _default_folder(), limit_seconds)
    splits = READERS[published.format]([*files.values()])
    parts = {
        split: Part(
            images,
            labels.astype(np.int64) - published.first_label,
            [f"{split}[{index}]" for index in range(len(labels))],
        )
        for split, (images, labels) in splits.items()
    }
    checksums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return AsRead(parts, published.class_names, published=name), checksums


def _default_folder() -> Path:
    return Path(os.environ.get("TINYMNIST_DATA") or download_folder())


def _found_or_downloaded(published: Published, folder: Path, limit_seconds: float | None) -> dict[str, bytes]:
    try:
        return find_files(published, folder)
    except MissingDataError as missing:
        if limit_seconds is None:
            raise
        try:
            download(published, folder, limit_seconds)
        except MissingDataError as problem:
            raise MissingDataError(
                f"{missing}; {problem}: put its files there, or name their folder by --data-dir or TINYMNIST_DATA"
            ) from None
        return find_files(published, folder)
