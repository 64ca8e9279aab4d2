"""A source of pictures that have to be decoded: its files, found but not yet read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tinymnist.data.as_read import AsRead, ReadOptions
from tinymnist.data.contents import Contents
from tinymnist.data.image_set import SplitName
from tinymnist.notices import Notice


@dataclass(frozen=True, slots=True)
class Found:
    """A file that holds pictures."""

    split: SplitName
    class_name: str
    """Empty where the file itself has the labels."""
    path: str
    """Relative to the folder of the data set."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """What the pictures show follows from `files` and their contents alone."""

    root: Path
    files: Sequence[Found]
    read: Callable[[str], bytes]
    """The bytes of one file. Raises `DataError`, or `ImageError` for a picture that might be left out."""
    decode: Callable[[Contents, ReadOptions], AsRead]
    """Takes the contents of `files`. Raises `DataError`."""
    notices: tuple[Notice, ...] = ()
    """What is worth knowing of other files."""

    @property
    def paths(self) -> list[str]:
        """Where each file is."""
        return [f"{self.root}/{file.path}" for file in self.files]
