"""Finds the files that an IMAGE argument names: a file, all pictures in a folder, or all that match a pattern."""

import glob
import os
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tinymnist.notices import FilesPassedOver, Warn
from tinymnist.prediction.images import formats

SUFFIXES = {"PNG": (".png",), "JPEG": (".jpg", ".jpeg"), "WEBP": (".webp",), "HEIF": (".heic", ".heif")}
"""How the files of a format are named, in lower case."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file that may be a picture."""

    path: str
    label: int | None = None
    """The place of its class among the names of the classes, where the folder says so."""


def find_images(images: Iterable[str | os.PathLike[str]], class_names: Sequence[str], warn: Warn) -> list[Found]:
    """Files in the order given, sorted within a folder or pattern; each file once, even if it has several names.

    A path that does not exist, or a folder without pictures, is returned as it is; reading it raises the error. A
    folder labels its pictures where all of them lie in subfolders that are named by classes.
    """
    found: dict[str, Found] = {}
    for image in [os.fspath(image) for image in images]:
        matches = [image] if os.path.lexists(image) else sorted(glob.glob(image, recursive=True)) or [image]
        for match in matches:
            for file in _in_folder(match, class_names, warn) if os.path.isdir(match) else [Found(match)]:
                found.setdefault(os.path.realpath(file.path), file)
    return list(found.values())


def _in_folder(folder: str, class_names: Sequence[str], warn: Warn) -> list[Found]:
    """Every picture at any depth, judged by its name and not hidden, and every folder that cannot be read. Warns of
    other files."""
    closed: list[str] = []
    files = [
        os.path.join(where, name)
        for where, _, names in os.walk(folder, onerror=lambda error: closed.append(error.filename))
        for name in names
        if not name.startswith(".")
    ]
    suffixes = tuple(suffix for format in formats() for suffix in SUFFIXES[format])
    pictures = [file for file in files if file.lower().endswith(suffixes)]
    if others := sorted({*files} - {*pictures}):
        warn(FilesPassedOver(folder, len(others), "PNG, JPEG or WebP", os.path.relpath(others[0], folder)))
    labels = _labels(folder, pictures, class_names)
    found = sorted([*zip(pictures, labels, strict=True), *((path, None) for path in closed)], key=lambda file: file[0])
    return [Found(path, label) for path, label in found] or [Found(folder)]


def _labels(folder: str, pictures: list[str], class_names: Sequence[str]) -> list[int] | list[None]:
    """The classes that the subfolders of `folder` are named by, where all pictures lie in such."""
    label_of = {name: label for label, name in enumerate(class_names)}
    places = [os.path.split(os.path.relpath(picture, folder))[0].split(os.sep)[0] for picture in pictures]
    labels = [label_of.get(unicodedata.normalize("NFC", place)) for place in places]
    known = [label for label in labels if label is not None]
    return known if len(known) == len(labels) else [None] * len(labels)
