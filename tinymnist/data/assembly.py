"""Makes a data set of what a source holds: alike in size and colour, split, in canonical order, judged."""

import math
from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tinymnist.data.as_read import AsRead, Part, Pictures, ReadOptions
from tinymnist.data.catalogue import PUBLISHED
from tinymnist.data.class_names import classes_in_order
from tinymnist.data.identity import canonical_order, digest_of, pixel_hashes
from tinymnist.data.image_set import (
    MAX_CLASSES,
    MAX_PIXEL_BYTES,
    MIN_CLASSES,
    Images,
    ImageSet,
    SplitName,
)
from tinymnist.data.judgement import find_leaks, find_oddities
from tinymnist.data.resizing import fitted
from tinymnist.data.splitting import for_testing
from tinymnist.errors import DataError
from tinymnist.notices import FifthTaken
from tinymnist.spec.base import MAX_SIDE
from tinymnist.text import shape_text

Pixels = NDArray[np.uint8]

SMALL = 32
"""Pixels of the longer side that images of several sizes are advised to have."""
SIZES_SHOWN = 3
"""The most sizes that a message names."""


def assemble(name: str, source: AsRead, options: ReadOptions) -> ImageSet:
    """Raises `DataError` for what no network could be trained on."""
    published = PUBLISHED.get(source.published or "")
    for split in dict.fromkeys(["train", *source.parts]):
        may_be_empty = split == "train" and published is not None and published.for_evaluation_only
        if not may_be_empty and (split not in source.parts or not len(source.parts[split].labels)):
            raise DataError(f"{name}: holds no images for {split}: add some")
    parts, class_names = classes_in_order(name, source.parts, source.class_names, ordered=published is not None)
    if len(class_names) < MIN_CLASSES:
        raise DataError(f"{name}: holds images of one class only: a classifier needs two: add another")
    if len(class_names) > MAX_CLASSES:
        raise DataError(f"{name}: holds {len(class_names):,} classes: {MAX_CLASSES:,} are the most")
    pixels = _alike(name, {split: part.images for split, part in parts.items()}, options.resize)
    splits = _in_order({split: _images(pixels[split], part) for split, part in parts.items()})
    taken = [] if "test" in parts else [FifthTaken(len(splits["test"]))]
    return ImageSet(
        name=name,
        class_names=class_names,
        train=splits["train"],
        test=splits["test"],
        val=splits.get("val"),
        digest=digest_of(
            splits["train"].pixels.shape[1:],
            class_names,
            {split: (images.hashes, images.labels) for split, images in splits.items()},
        ),
        leaks=find_leaks(splits, class_names),
        notices=(*source.notices, *taken, *find_oddities(splits, class_names)),
    )


def _alike(name: str, images: Mapping[SplitName, Pictures], resize: tuple[int, int] | None) -> dict[SplitName, Pixels]:
    """(N, C, H, W) for each split; C is 1 where every pixel of every image is grey."""
    if resize is not None:
        images = {split: _resized(name, some, resize) for split, some in images.items()}
    sizes = Counter[tuple[int, ...]]()
    for some in images.values():
        sizes.update({some.shape[1:3]: len(some)} if isinstance(some, np.ndarray) else [i.shape[:2] for i in some])
    coloured = any(_has_colour(some) for some in images.values())
    _refuse_sizes(name, sizes, channels=3 if coloured else 1)
    return {split: _channels_first(some, coloured) for split, some in images.items()}


def _resized(name: str, images: Pictures, resize: tuple[int, int]) -> Pictures:
    if not isinstance(images, np.ndarray):
        return images  # decoding has done it
    shape = (len(images), *resize, *images.shape[3:])
    if math.prod(shape) > MAX_PIXEL_BYTES:
        raise _too_much(name, len(images), resize)
    resized = np.empty(shape, np.uint8)
    for index, image in enumerate(images):
        resized[index] = fitted(image, *resize)
    return resized


def _has_colour(images: Pictures) -> bool:
    if isinstance(images, np.ndarray):
        return images.ndim == 4 and bool((images != images[..., :1]).any())
    return any(image.ndim == 3 for image in images)  # decoding has judged each of them


def _channels_first(images: Pictures, coloured: bool) -> Pixels:
    if coloured:
        in_colour = [image if image.ndim == 3 else np.stack([image] * 3, axis=-1) for image in images]
        return np.ascontiguousarray(np.stack(in_colour).transpose(0, 3, 1, 2))
    if isinstance(images, np.ndarray):
        return np.array(images if images.ndim == 3 else images[..., 0])[:, None]
    return np.stack([image if image.ndim == 2 else image[..., 0] for image in images])[:, None]


def _refuse_sizes(name: str, sizes: Counter[tuple[int, ...]], channels: int) -> None:
    usual_first = sizes.most_common()
    (height, width), count = usual_first[0]
    if len(sizes) > 1:
        shown = [f"{shape_text(size)} ({some:,})" for size, some in usual_first[:SIZES_SHOWN]]
        more = ", ..." if len(sizes) > SIZES_SHOWN else ""
        raise DataError(
            f"{name}: images of {len(sizes):,} sizes: {', '.join(shown)}{more}: make them alike, as by {_remedy(sizes)}"
        )
    if max(height, width) > MAX_SIDE:
        raise DataError(
            f"{name}: images of {height}x{width} pixels: {MAX_SIDE}x{MAX_SIDE} are the most: make them smaller, as by "
            f"{_remedy(sizes)}"
        )
    if count * channels * height * width > MAX_PIXEL_BYTES:
        raise _too_much(name, count, (height, width))


def _too_much(name: str, count: int, size: tuple[int, int]) -> DataError:
    return DataError(f"{name}: {count:,} images of {shape_text(size)} pixels take more than 2 GiB: leave some out")


def _remedy(sizes: Counter[tuple[int, ...]]) -> str:
    """The option for small images of the usual shape: the median one, its longer side at most `SMALL` pixels."""
    height, width = (int(np.median([size[axis] for size in sizes.elements()])) for axis in (0, 1))
    shrink = min(1, SMALL / max(height, width))
    return f"--resize {max(1, round(height * shrink))} {max(1, round(width * shrink))}"


def _images(pixels: Pixels, part: Part) -> Images:
    return Images(pixels, part.labels, tuple(pixel_hashes(pixels)), tuple(part.origins))


def _in_order(splits: Mapping[SplitName, Images]) -> dict[SplitName, Images]:
    """Each split in canonical order, a test set taken from training where there is none."""
    train = splits["train"]
    if "test" in splits:
        parts = dict(splits)
    else:
        test = for_testing(train.hashes, train.labels)
        parts = {**splits, "train": _chosen(train, np.flatnonzero(~test)), "test": _chosen(train, np.flatnonzero(test))}
    order: tuple[SplitName, ...] = ("train", "test", "val")
    return {
        split: _chosen(parts[split], canonical_order(parts[split].hashes, parts[split].labels))
        for split in order
        if split in parts
    }


def _chosen(images: Images, indices: NDArray[np.intp]) -> Images:
    return Images(
        images.pixels[indices],
        images.labels[indices],
        tuple(images.hashes[index] for index in indices),
        tuple(images.origins[index] for index in indices),
    )
