"""What files, images and data sets are by their content: hashes, the canonical order, and the digest."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray


def file_digests(*contents: bytes) -> set[str]:
    """The SHA-256 and the MD5 of each, in hexadecimal."""
    return {
        digest.hexdigest()
        for content in contents
        for digest in (hashlib.sha256(content), hashlib.md5(content, usedforsecurity=False))
    }


def pixel_hashes(pixels: NDArray[np.uint8]) -> list[bytes]:
    """SHA-256 of each image in (N, C, H, W): of its C·H·W bytes, channel by channel and row by row."""
    return [hashlib.sha256(image.tobytes()).digest() for image in pixels]


def canonical_order(hashes: Sequence[bytes], labels: NDArray[np.int64]) -> NDArray[np.intp]:
    """Indices that sort images by hash, then by label: an order that mixes the classes, and in which twins are
    neighbours."""
    keys = [(digest, label) for digest, label in zip(hashes, labels.tolist(), strict=True)]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.intp)


Split = tuple[Sequence[bytes], NDArray[np.int64]]
"""Hashes and labels of its images, in canonical order."""


def digest_of(shape: tuple[int, int, int], class_names: Iterable[str], splits: Mapping[str, Split]) -> str:
    """SHA-256 over everything that the data set is, and nothing else.

    It covers a line of JSON with the shape (C, H, W), the class names and the number of images in each split; then, for
    each split in the order of `splits` and each image in canonical order, the hash of its pixels and its label as 4
    bytes, the most significant first.
    """
    counts = {name: len(labels) for name, (_, labels) in splits.items()}
    head = {"shape": [*shape], "class_names": [*class_names], "images": counts}
    digest = hashlib.sha256(json.dumps(head, separators=(",", ":")).encode("ascii") + b"\n")
    for hashes, labels in splits.values():
        for pixels, label in zip(hashes, labels.tolist(), strict=True):
            digest.update(pixels + label.to_bytes(4, "big"))
    return digest.hexdigest()


def digest_in_order(
    class_names: Iterable[str], splits: Mapping[str, tuple[NDArray[np.uint8], NDArray[np.int64]]]
) -> str:
    """`digest_of` images (N, C, H, W) and their labels in each split, in whatever order they are."""
    ordered, shape = {}, (0, 0, 0)
    for name, (pixels, labels) in splits.items():
        hashes = pixel_hashes(pixels)
        order = canonical_order(hashes, labels)
        ordered[name] = [hashes[index] for index in order], labels[order]
        shape = pixels.shape[1:]
    return digest_of(shape, class_names, ordered)
