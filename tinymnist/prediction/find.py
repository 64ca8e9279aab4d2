"""Finds the files that an IMAGE argument names: a file, all pictures in a folder, or all that match a pattern."""

import glob
import os
from collections.abc import Iterable

SUFFIXES = (".png", ".jpg", ".jpeg")


def find_images(images: Iterable[str | os.PathLike[str]]) -> list[str]:
    """Paths in the order given, sorted within a folder or pattern; each file once, even if it has several names.

    A path that does not exist, or a folder without pictures, is returned as it is; reading it raises the error.
    """
    found: dict[str, str] = {}
    for image in [os.fspath(image) for image in images]:
        matches = [image] if os.path.lexists(image) else sorted(glob.glob(image, recursive=True)) or [image]
        for match in matches:
            for path in _in_folder(match) if os.path.isdir(match) else [match]:
                found.setdefault(os.path.realpath(path), path)
    return list(found.values())


def _in_folder(folder: str) -> list[str]:
    """Every PNG and JPEG file at any depth, judged by its name and not hidden, and every folder that cannot be read."""
    closed: list[str] = []
    pictures = [
        os.path.join(where, name)
        for where, _, names in os.walk(folder, onerror=lambda error: closed.append(error.filename))
        for name in names
        if _is_picture(name)
    ]
    return sorted(pictures + closed) or [folder]


def _is_picture(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")
