"""Data sets as folders of pictures, one folder per class: `train/CLASS/*`, `test/CLASS/*`, or `CLASS/*` alone."""

import os
import stat
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from tinymnist.data.as_read import AsRead, ReadOptions
from tinymnist.data.class_names import refuse_unprintable
from tinymnist.data.contents import Contents
from tinymnist.data.encoded import Encoded, Found
from tinymnist.data.gathering import Entry, Gathering
from tinymnist.data.image_set import SPLIT_NAMES, SplitName
from tinymnist.data.pictures import MAX_BYTES, SUFFIXES
from tinymnist.errors import DataError, ImageError
from tinymnist.notices import BesideFolders, FilesPassedOver, Notice
from tinymnist.text import printable

OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""A pipe is opened without waiting for its writer."""


def find_class_folders(root: Path) -> Encoded:
    """Every file that is named as a picture. Raises `DataError`."""
    folders: dict[str, SplitName] = {"": "train"}
    if has_splits(root):
        folders = {folder: split for folder, split in SPLIT_NAMES.items() if (root / folder).is_dir()}
        if "train" not in folders:
            raise DataError(f"{root}: holds test/ or val/, but no train/: name the training images' folder train")
    found: list[Found] = []
    others: list[str] = []
    for folder, split in folders.items():
        if folder:
            _refuse_link_outside(root, str(root / folder))
        for class_name in _class_folders(root, folder):
            files = list(_files(root, os.path.join(folder, class_name)))
            pictures = [file for file in files if file.lower().endswith(SUFFIXES)]
            others += sorted({*files} - {*pictures})
            if not pictures:
                where = root / folder / class_name
                raise DataError(f"{where}: holds no PNG or JPEG picture: add some, or remove the folder")
            found += [Found(split, unicodedata.normalize("NFC", class_name), path) for path in pictures]
    notices = tuple(_passed_over(root, [root / folder for folder in folders], others))
    return Encoded(root, found, _content, partial(_decode, str(root), found), notices)


def _passed_over(root: Path, parents: Sequence[Path], others: Sequence[str]) -> Iterator[Notice]:
    """What is not read: files that are no pictures, and what lies beside the folders of splits and of classes."""
    if others:
        yield FilesPassedOver(printable(str(root)), len(others), "PNG or JPEG", others[0])
    beside = [entry.path for folder in parents for entry in _entries(folder) if not entry.is_dir()]
    if root not in parents:
        beside += [entry.path for entry in _entries(root) if Path(entry.path) not in parents]
    if beside:
        example = os.path.relpath(min(beside), root)
        yield BesideFolders(printable(str(root)), len(beside), printable(example))


def has_splits(root: Path) -> bool:
    """Whether the folders in `root` are splits, and those in them classes."""
    return any(entry.is_dir() for folder in SPLIT_NAMES for entry in _entries(root / folder))


def _decode(root: str, found: Sequence[Found], contents: Contents, options: ReadOptions) -> AsRead:
    class_names = tuple(dict.fromkeys(each.class_name for each in found))
    label_of = {class_name: label for label, class_name in enumerate(class_names)}
    entries = [Entry(each.split, label_of[each.class_name], each.path) for each in found]
    gathering = Gathering(root, len(entries), options)
    gathering.add(entries, range(len(entries)), contents.__getitem__)
    return AsRead(gathering.parts(), class_names, tuple(gathering.notices()))


def _class_folders(root: Path, folder: str) -> list[str]:
    """Names of the folders of classes, checked. Raises `DataError`."""
    names: list[str] = []
    for entry in _entries(root / folder):
        refuse_unprintable(entry.name, entry.path)
        _refuse_link_outside(root, entry.path)
        if entry.is_dir():
            names.append(entry.name)
    alike = defaultdict(list)
    for name in names:
        alike[unicodedata.normalize("NFC", name).casefold()].append(name)
    for same in alike.values():
        if len(same) > 1:
            both = " and ".join(f"'{name}'" for name in sorted(same)[:2])
            raise DataError(f"{root / folder}: class folders {both} differ only in case: rename or merge them")
    if not names:
        raise DataError(
            f"{root / folder}: holds no folder of pictures for each class, nor another data set that is known here"
        )
    return sorted(names)


def _files(root: Path, folder: str) -> Iterator[str]:
    """Every file at any depth that is not hidden, relative to `root`. Raises `DataError` for a link out of it."""
    folders = [folder]
    while folders:
        here = folders.pop()
        for entry in sorted(_entries(root / here), key=lambda entry: entry.name):
            refuse_unprintable(entry.name, entry.path)
            path = f"{here}{os.sep}{entry.name}"
            if entry.is_symlink():
                _refuse_link_outside(root, entry.path)
            if entry.is_dir(follow_symlinks=False):
                folders.append(path)
            else:
                yield path


def _entries(folder: Path) -> Iterable[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise DataError(f"{folder}: cannot be read: {error.strerror or error}") from None


def _refuse_link_outside(root: Path, path: str) -> None:
    if not os.path.islink(path):
        return
    target = os.path.realpath(path)
    if os.path.commonpath([target, os.path.realpath(root)]) != os.path.realpath(root):
        raise DataError(f"{path}: is a link that leads out of the data set: put the files themselves there")


def _content(path: str) -> bytes:
    """The bytes of a plain file; anything else might never end. Raises `ImageError`."""
    try:
        handle = os.open(path, OPEN_FLAGS)
        try:
            return _whole(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise ImageError(f"cannot be read: {error.strerror or error}") from None


def _whole(handle: int) -> bytes:
    """All that an open file holds, in few system calls: there may be 100,000 files. Raises `ImageError`."""
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        raise ImageError("is not a plain file")
    if status.st_size > MAX_BYTES:
        raise ImageError(f"has {status.st_size:,} bytes, more than {MAX_BYTES:,}")
    parts = []
    while part := os.read(handle, status.st_size + 1):
        parts.append(part)
    return b"".join(parts)
