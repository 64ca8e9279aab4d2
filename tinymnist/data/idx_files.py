"""Data sets in IDX files of any size (http://yann.lecun.com/exdb/mnist/), raw or `.gz`, found by their names."""

import math
import os
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinymnist.data.arrays import part_of
from tinymnist.data.as_read import AsRead, Part
from tinymnist.data.catalogue import published_in_files
from tinymnist.data.identity import file_digests
from tinymnist.data.image_set import MAX_PIXEL_BYTES, SplitName
from tinymnist.errors import DataError
from tinymnist.files import read_bytes

NAME = re.compile(r"(?P<set>.*?)(?P<split>train|test|t10k|val)-(?P<what>images|labels)[-.]idx\d-ubyte(\.gz)?")
SPLITS: dict[str, SplitName] = {"train": "train", "test": "test", "t10k": "test", "val": "val"}
UNSIGNED_BYTES = b"\x00\x00\x08"
"""Begins a file of numbers from 0 to 255; the number of dimensions follows."""
MAX_DIMENSIONS = 4
MAX_HEADER = 4 * (1 + MAX_DIMENSIONS)


@dataclass(frozen=True, slots=True)
class IdxName:
    """What the name of an IDX file says, such as `emnist-letters-train-images-idx3-ubyte.gz`."""

    set_name: str
    split: SplitName
    what: str


def parse_name(name: str) -> IdxName | None:
    """None for the name of another file."""
    found = NAME.fullmatch(name)
    return None if found is None else IdxName(found["set"], SPLITS[found["split"]], found["what"])


def read_idx_files(path: Path) -> AsRead:
    """Reads the data set that a folder holds, or the one that the file `path` belongs to; published files are known by
    their digests, and their classes named. Raises `DataError`."""
    folder, wanted = (path, None) if path.is_dir() else (path.parent, parse_name(path.name))
    found = {name: parsed for name in sorted(os.listdir(folder)) if (parsed := parse_name(name))}
    sets = sorted({parsed.set_name for parsed in found.values()}) if wanted is None else [wanted.set_name]
    if len(sets) > 1:
        example = max(found, key=lambda name: (found[name].split, found[name].what) == ("train", "images"))
        raise DataError(
            f"{path}: holds {len(sets)} data sets: name one by its training images, such as {folder / example}"
        )
    files = {(parsed.split, parsed.what): folder / name for name, parsed in found.items() if parsed.set_name == sets[0]}
    splits = dict.fromkeys(["train", *(split for split, _ in files)])
    for split, what in ((split, what) for split in splits for what in ("images", "labels")):
        if (split, what) not in files:
            raise DataError(f"{folder}: holds no IDX file of the {what} for {split}: put it beside the others")
    read = {(split, what): _read(files[split, what]) for split in splits for what in ("images", "labels")}
    parts = {split: _part(read[split, "images"], read[split, "labels"]) for split in splits}
    published = published_in_files(file.digests for file in read.values())
    if published is None:
        return AsRead(parts)
    return AsRead(parts, published.class_names, published=published.name)


@dataclass(frozen=True, slots=True)
class _IdxFile:
    path: Path
    array: NDArray[np.uint8]
    digests: set[str]
    """Of the file, and of its content."""


def _part(images: _IdxFile, labels: _IdxFile) -> Part:
    return part_of(images.array, labels.array, (str(images.path), str(labels.path)))


def _read(path: Path) -> _IdxFile:
    stored = read_bytes(path)
    packed = path.suffix == ".gz"
    head = _unpacked(stored, MAX_HEADER, path) if packed else stored[:MAX_HEADER]
    dimensions = head[3] if len(head) > 3 else 0
    begin = 4 * (1 + dimensions)
    if head[:3] != UNSIGNED_BYTES or not 1 <= dimensions <= MAX_DIMENSIONS or len(head) < begin:
        raise DataError(f"{path}: is not an IDX file of unsigned bytes: get it again")
    shape = [int(size) for size in np.frombuffer(head, ">u4", dimensions, 4)]
    size = begin + math.prod(shape)
    if size > MAX_PIXEL_BYTES:
        raise DataError(f"{path}: {size:,} bytes, more than {MAX_PIXEL_BYTES:,}: leave some images out")
    content = _unpacked(stored, size + 1, path) if packed else stored
    if len(content) != size:
        more_or_less = "more" if len(content) > size else "fewer"
        raise DataError(f"{path}: holds {more_or_less} bytes than the {size:,} that it declares: get it again")
    array = np.frombuffer(content, np.uint8, offset=begin).reshape(shape)
    return _IdxFile(path, array, file_digests(stored, content))


def _unpacked(stored: bytes, limit: int, path: Path) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(stored, limit)
    except zlib.error as error:
        raise DataError(f"{path}: damaged ({error}): get it again") from None
