"""What a data set with a name is: where its files come from, how they are read, what they are called."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath
from string import digits
from typing import Literal

Prepare = Literal["mnist", "resize"]
"""How `predict` prepares a picture: as MNIST's digits were, or fitted into the size of the images."""
Format = Literal["idx", "emnist", "qmnist-50k", "usps", "mnist-5k", "digits-8x8"]
"""How files become images and labels; `formats` has a function for each."""

PACKED = (".gz", ".bz2")


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A file as it is published; of one whose unpacked bytes have a known digest, also raw or compressed anew."""

    name: str
    md5: str = ""
    """Of the published file."""
    sha256: str = ""
    """Of the unpacked bytes; empty where nobody has published it, and then only the published file is taken."""
    size: int = 0
    """Bytes, unpacked, where `sha256` is known."""
    members: tuple[str, ...] = ()
    """The `.gz` files to read from a zip archive."""

    @property
    def stem(self) -> str:
        """The name of the unpacked file."""
        return unpacked_name(self.name)

    @property
    def names(self) -> tuple[str, ...]:
        """The names that it may have in a folder."""
        return (self.stem, f"{self.stem}.gz") if self.sha256 else (self.name,)

    def is_among(self, digests: Iterable[str]) -> bool:
        """Whether one of its own digests is among `digests`."""
        return bool({self.md5, self.sha256} & {*digests})


@dataclass(frozen=True, slots=True)
class Download:
    """Files in a folder of data sets, downloaded where they are missing."""

    folder: str
    """Where torchvision puts them, in the folder of data sets."""
    mirrors: tuple[str, ...]
    """Each, followed by the name of a file, is a URL."""


@dataclass(frozen=True, slots=True)
class Package:
    """Files that come with a Python package."""

    name: str
    """As it is imported."""
    distribution: str
    """As it is installed."""
    folder: str


@dataclass(frozen=True, slots=True)
class Published:
    """A data set that is known by its name."""

    name: str
    source: Download | Package
    files: tuple[PublishedFile, ...]
    format: Format = "idx"
    class_names: tuple[str, ...] = tuple(digits)
    """In the order of the labels in its files."""
    first_label: int = 0
    prepare: Prepare = "mnist"
    """How a picture becomes one like these."""
    digest: str = ""
    """Of its images, labels and class names, by `identity.digest_of`; empty where it is not known yet."""
    trains_on: frozenset[str] = frozenset()
    """Handwriting that its training images are taken from, where other data sets take theirs from it too."""
    scores: frozenset[str] = frozenset()
    """Handwriting that its test images are taken from, likewise."""
    for_evaluation_only: bool = False
    """Whether it has no training images."""


def unpacked_name(name: str) -> str:
    """A file's name without folders and without the suffix of its compression."""
    path = PurePath(name)
    return path.stem if path.suffix in PACKED else path.name
