"""Small files in the formats of the published data sets, and a catalogue that takes them for the published ones."""

import bz2
import gzip
import hashlib
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.image_sets import idx
from tinymnist.data.catalogue import PUBLISHED
from tinymnist.data.publication import Download

TEST_IMAGES = 20


def images(count: int, side: int = 28, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng([seed, count]).integers(0, 256, (count, side, side), np.uint8)


def labels(name: str, count: int) -> NDArray[np.int64]:
    """Every class of a data set in turn, as its files number them."""
    published = PUBLISHED[name]
    return np.arange(count) % len(published.class_names) + published.first_label


def train_count(name: str) -> int:
    return 2 * len(PUBLISHED[name].class_names)


def published_files(name: str) -> dict[str, bytes]:
    """Files of two training images per class and 20 test images; of QMNIST, 20 beyond those of MNIST."""
    return _MAKERS[PUBLISHED[name].format if not name.startswith("qmnist") else "qmnist"](name)


def _idx_parts(name: str) -> list[bytes]:
    train, test = train_count(name), TEST_IMAGES
    return [idx(images(train)), idx(labels(name, train)), idx(images(test, seed=1)), idx(labels(name, test))]


def _idx_files(name: str) -> dict[str, bytes]:
    contents = zip(PUBLISHED[name].files, _idx_parts(name), strict=True)
    return {file.name: gzip.compress(content, 1) for file, content in contents}


def _emnist(name: str) -> dict[str, bytes]:
    (file,) = PUBLISHED[name].files
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for member, content in zip(file.members, _idx_parts(name), strict=True):
            archive.writestr(member, gzip.compress(content, 1))
    return {file.name: stream.getvalue()}


def _qmnist(name: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for split, count in (("train", train_count(name)), ("test", 10_000 + TEST_IMAGES)):
        rows = np.stack([labels(name, count), *(np.arange(count) + column for column in range(7))], axis=1)
        head = bytes([0, 0, 12, 2]) + np.array(rows.shape, ">u4").tobytes()
        contents = {"images-idx3-ubyte": idx(images(count)), "labels-idx2-int": head + rows.astype(">i4").tobytes()}
        found |= {f"qmnist-{split}-{what}.gz": gzip.compress(content, 1) for what, content in contents.items()}
    return {file.name: found[file.name] for file in PUBLISHED[name].files}


def usps_lines(pixels: NDArray[Any], classes: NDArray[np.int64]) -> bytes:
    """LIBSVM's text; pixels (N, 256) are from -1 to 1."""
    lines = [
        " ".join([str(label), *(f"{place}:{pixel:.6g}" for place, pixel in enumerate(row, start=1))]) + " "
        for label, row in zip(classes.tolist(), pixels.tolist(), strict=True)
    ]
    return ("\n".join(lines) + "\n").encode("ascii")


def _usps(name: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for file, count in zip(PUBLISHED[name].files, (train_count(name), TEST_IMAGES), strict=True):
        pixels = np.random.default_rng(len(found)).integers(-1000, 1001, (count, 256)) / 1000
        found[file.name] = bz2.compress(usps_lines(pixels, labels(name, count)))
    return found


_MAKERS: Mapping[str, Callable[[str], dict[str, bytes]]] = {
    "idx": _idx_files,
    "emnist": _emnist,
    "qmnist": _qmnist,
    "usps": _usps,
}


def publish(monkeypatch: pytest.MonkeyPatch, name: str, files: Mapping[str, bytes]) -> None:
    """Makes these bytes the published files of a data set: by their SHA-256 where it has such, else by their MD5."""
    published = PUBLISHED[name]
    made = []
    for file in published.files:
        content = gzip.decompress(files[file.name]) if file.sha256 else b""
        sha256 = hashlib.sha256(content).hexdigest() if file.sha256 else ""
        md5 = hashlib.md5(files[file.name]).hexdigest()
        made.append(replace(file, md5=md5, sha256=sha256, size=len(content)))
    monkeypatch.setitem(PUBLISHED, name, replace(published, files=tuple(made), digest=""))


def put(folder: Path, name: str, files: Mapping[str, bytes]) -> Path:
    """Writes files where torchvision puts them."""
    source = PUBLISHED[name].source
    assert isinstance(source, Download)
    (folder / source.folder).mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        (folder / source.folder / file).write_bytes(content)
    return folder
