"""A data set in memory, as training and scoring take it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from tinymnist.data.publication import Prepare
from tinymnist.errors import UsageError
from tinymnist.notices import Notice


@dataclass(frozen=True, slots=True)
class Split:
    """Images (N, C, H, W) uint8 and labels (N,) int64."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def sample(self, count: int) -> "Split":
        """`count` of the images, or all where there are fewer, at even distances: always the same ones."""
        kept = min(count, len(self))
        chosen = torch.arange(kept, device=self.labels.device) * len(self) // max(1, kept)
        return Split(self.images[chosen], self.labels[chosen])

    def to(self, device: torch.device) -> "Split":
        return Split(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set in memory."""

    name: str
    """A name of the catalogue, or a path."""
    class_names: tuple[str, ...]
    train: Split
    test: Split
    """The images to score on: the test set, or those that `hold_out` has put in its place."""
    digest: str
    """The digest of images, labels and class names, whatever the format: `identity.digest_of`."""
    checksums: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of each file's decompressed bytes, for a data set of the catalogue."""
    prepare: Prepare = "resize"
    """How a picture becomes one like these."""
    val: Split | None = None
    """Validation images of its own, which `hold_out` can take."""
    notices: tuple[Notice, ...] = ()
    """What is worth knowing of it."""

    def hold_out(self, count: int) -> "Dataset":
        """This data set with `count` images in place of the test set: its own validation images, or where it has none
        the last ones of each class of the training images, in proportion to its size.

        Raises `UsageError` where no image would be left to train on, or none to score on, and where its own validation
        images are not `count`.
        """
        if self.val is not None:
            if count != len(self.val):
                raise UsageError(
                    f"--validation {count}: {self.name} has validation images of its own: --validation {len(self.val)} "
                    "scores those"
                )
            return replace(self, test=self.val)
        total = len(self.train)
        if not 1 <= count < total:
            raise UsageError(f"--validation {count}: expects 1 to {total - 1:,} of {self.name}'s training images")
        held = torch.zeros(total, dtype=torch.bool)
        for label, share in enumerate(_shares(torch.bincount(self.train.labels).tolist(), count)):
            members = torch.nonzero(self.train.labels == label).flatten()
            held[members[len(members) - share :]] = True
        images, labels = self.train.images, self.train.labels
        return replace(self, train=Split(images[~held], labels[~held]), test=Split(images[held], labels[held]))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every image."""
        _, channels, height, width = self.train.images.shape
        return channels, height, width

    def to(self, device: torch.device) -> "Dataset":
        return replace(self, train=self.train.to(device), test=self.test.to(device))


def _shares(sizes: list[int], count: int) -> list[int]:
    """Divides `count` in proportion to `sizes`, in whole numbers, by the method of largest remainders."""
    total = sum(sizes)
    shares = [size * count // total for size in sizes]
    by_remainder = sorted(range(len(sizes)), key=lambda index: -(sizes[index] * count % total))
    for index in by_remainder[: count - sum(shares)]:
        shares[index] += 1
    return shares
