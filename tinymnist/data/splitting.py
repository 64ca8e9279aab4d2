"""Takes a test set from images that come without one, by their content alone."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

TEST_SHARE = 5
"""One image in so many is for testing."""


def for_testing(hashes: Sequence[bytes], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which images are for testing: a fifth of each class, rounded, at least one; those with the lowest hashes.

    Neither names nor order matter. Twins stay together, and an image that stands under several labels is for training,
    so that the two parts share no image. A class with a single image has none for testing.
    """
    labels_of = defaultdict(set)
    images_of = defaultdict(set)
    for digest, label in zip(hashes, labels.tolist(), strict=True):
        labels_of[digest].add(label)
        images_of[label].add(digest)
    chosen: set[bytes] = set()
    for images in images_of.values():
        clear = sorted(digest for digest in images if len(labels_of[digest]) == 1)
        wanted = max(1, (2 * len(images) + TEST_SHARE) // (2 * TEST_SHARE))
        chosen.update(clear[: min(wanted, len(images) - 1)])
    return np.array([digest in chosen for digest in hashes], dtype=np.bool_)
