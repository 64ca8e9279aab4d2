"""Gathers decoded pictures into the parts of a data set, and what has to be said of them."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from tinymnist.data.as_read import Part, ReadOptions
from tinymnist.data.decoding import decode_all
from tinymnist.data.image_set import MAX_PIXEL_BYTES, SplitName
from tinymnist.data.pictures import Picture
from tinymnist.errors import DataError, ImageError
from tinymnist.notices import Notice, PicturesSkipped, SixteenBitsScaled, TransparencyFilled
from tinymnist.text import printable


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a picture belongs, and where it comes from."""

    split: SplitName
    label: int
    origin: str
    """A file or a row, relative to the data set."""


File = TypeVar("File")


class Gathering:
    """The pictures of a data set that are decoded so far."""

    def __init__(self, root: str, total: int, options: ReadOptions) -> None:
        self._root, self._total, self._options = root, total, options
        self._done, self._bytes = 0, 0
        self._pictures: list[tuple[Entry, Picture]] = []
        self._broken: list[tuple[Entry, ImageError]] = []

    def add(self, entries: Sequence[Entry], files: Sequence[File], content: Callable[[File], bytes]) -> None:
        """Decodes one file for each entry. Raises `DataError` where all together take too much memory."""
        waiting = iter(entries)
        for some in decode_all(files, content, self._options.resize):
            for decoded, entry in zip(some, waiting, strict=False):
                if isinstance(decoded, ImageError):
                    self._broken.append((entry, decoded))
                else:
                    self._pictures.append((entry, decoded))
                    self._bytes += decoded.pixels.size * (max(decoded.pixels.strides) > 0)
            if self._bytes > MAX_PIXEL_BYTES:
                raise DataError(f"{self._root}: its pictures take more than 2 GiB: leave some out, or --resize them")
            self._done += len(some)
            self._options.progress(self._done, self._total)

    def parts(self) -> dict[SplitName, Part]:
        """Raises `DataError` for a picture that cannot be read, unless such are to be skipped."""
        if self._broken and not self._options.skip_unreadable:
            (entry, problem), others = self._broken[0], len(self._broken) - 1
            more = f", and {others:,} more cannot be read" if others else ""
            where = os.path.join(self._root, entry.origin)
            raise DataError(f"{where}: {problem}{more}: replace what is damaged, or leave it out by --skip-unreadable")
        splits = {entry.split: None for entry, _ in [*self._pictures, *self._broken]}
        return {split: self._part(split) for split in splits}

    def _part(self, split: SplitName) -> Part:
        members = [(entry, picture) for entry, picture in self._pictures if entry.split == split]
        return Part(
            [picture.pixels for _, picture in members],
            np.array([entry.label for entry, _ in members], np.int64),
            [entry.origin for entry, _ in members],
        )

    def notices(self) -> list[Notice]:
        """What was done to pictures, or left undone."""
        deep = sum(picture.had_16_bits for _, picture in self._pictures)
        transparent = sum(picture.was_transparent for _, picture in self._pictures)
        root = printable(self._root)
        return [
            *([PicturesSkipped(root, len(self._broken), self._broken[0][0].origin)] if self._broken else []),
            *([SixteenBitsScaled(root, deep)] if deep else []),
            *([TransparencyFilled(root, transparent)] if transparent else []),
        ]
