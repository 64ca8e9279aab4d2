"""A data set from anywhere: images, labels and class names; its order and its digest follow from these alone."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tinymnist.notices import Notice

SplitName = Literal["train", "test", "val"]
SPLIT_NAMES: dict[str, SplitName] = {
    "train": "train", "test": "test", "val": "val", "valid": "val", "validation": "val"
}  # fmt: skip
"""What folders and files of a split are called."""

MIN_CLASSES, MAX_CLASSES = 2, 1000
MAX_PIXEL_BYTES = 2 << 30
"""The most that the images of a data set may take in memory."""


@dataclass(frozen=True, slots=True)
class Images:
    """The images of one split, in canonical order."""

    pixels: NDArray[np.uint8]
    """(N, C, H, W), where C is 1, grey, or 3: red, green, blue."""
    labels: NDArray[np.int64]
    """(N,), indices of class names."""
    hashes: tuple[bytes, ...]
    """SHA-256 of the pixels of each image."""
    origins: tuple[str, ...]
    """Where each image was found, within the data set: a file, or a row."""

    def __len__(self) -> int:
        return len(self.labels)

    def count_by_class(self, classes: int) -> list[int]:
        """How many images there are of each of so many classes."""
        counts: list[int] = np.bincount(self.labels, minlength=classes).tolist()
        return counts


@dataclass(frozen=True, slots=True)
class Place:
    """Where an image stands."""

    split: SplitName
    class_name: str
    origin: str


@dataclass(frozen=True, slots=True)
class ImageSet:
    """A data set in memory, as `read_image_set` gives it.

    The same pictures give the same digest, and the same bits in the same order, from any format and in whatever order
    and by whatever names their files lie there.
    """

    name: str
    class_names: tuple[str, ...]
    train: Images
    test: Images
    val: Images | None
    digest: str
    leaks: tuple[tuple[Place, ...], ...]
    """All places of each image that stands in more than one split."""
    notices: tuple[Notice, ...]
    """What is worth knowing of it."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every image."""
        _, channels, height, width = self.train.pixels.shape
        return channels, height, width

    @property
    def splits(self) -> dict[SplitName, Images]:
        """The splits that there are, in the order train, test, val."""
        every: dict[SplitName, Images | None] = {"train": self.train, "test": self.test, "val": self.val}
        return {split: images for split, images in every.items() if images is not None}
