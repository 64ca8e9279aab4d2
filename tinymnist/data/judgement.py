"""What is wrong with a data set, or odd about it, although it can be read."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from tinymnist.data.image_set import Images, Place, SplitName
from tinymnist.notices import ClassesUnequal, ClassesUntested, Notice, TwinsInTraining
from tinymnist.text import printable

UNEQUAL = 10
"""Classes are called unequal where the largest has so many times the images of the smallest."""


def find_leaks(splits: Mapping[SplitName, Images], class_names: Sequence[str]) -> tuple[tuple[Place, ...], ...]:
    """All places of each image that stands in more than one split, pixel by pixel, whatever its labels."""
    splits_of: dict[bytes, set[SplitName]] = defaultdict(set)
    for split, images in splits.items():
        for pixels in images.hashes:
            splits_of[pixels].add(split)
    places: dict[bytes, list[Place]] = {pixels: [] for pixels, having in splits_of.items() if len(having) > 1}
    for split, images in splits.items():
        for pixels, label, origin in zip(images.hashes, images.labels.tolist(), images.origins, strict=True):
            if pixels in places:
                places[pixels].append(Place(split, class_names[label], origin))
    return tuple(tuple(found) for found in places.values())


def find_oddities(splits: Mapping[SplitName, Images], class_names: Sequence[str]) -> list[Notice]:
    """Twins within training, strongly unequal classes, and classes that the test set lacks."""
    counts = {split: np.bincount(images.labels, minlength=len(class_names)) for split, images in splits.items()}
    smallest, largest = int(counts["train"].argmin()), int(counts["train"].argmax())
    found: list[Notice] = [*_twins(splits["train"], class_names)]
    if len(splits["train"]) and counts["train"][largest] >= UNEQUAL * counts["train"][smallest]:
        few, many = int(counts["train"][smallest]), int(counts["train"][largest])
        found.append(ClassesUnequal(class_names[largest], many, class_names[smallest], few))
    untested = np.flatnonzero(counts["test"] == 0)
    if len(untested):
        found.append(ClassesUntested(len(untested), class_names[untested[0]]))
    return found


def _twins(train: Images, class_names: Sequence[str]) -> list[Notice]:
    places_of: dict[bytes, list[int]] = defaultdict(list)
    for place, pixels in enumerate(train.hashes):
        places_of[pixels].append(place)
    twins = [places for places in places_of.values() if len(places) > 1]
    if not twins:
        return []
    labels = train.labels.tolist()
    contradicting = [places for places in twins if len({labels[place] for place in places}) > 1]
    first, *others = (contradicting or twins)[0]
    second = next((place for place in others if labels[place] != labels[first]), others[0])
    example = " = ".join(f"{train.origins[place]} ({class_names[labels[place]]})" for place in (first, second))
    repeated = sum(len(places) - 1 for places in twins)
    return [TwinsInTraining(repeated, sum(map(len, contradicting)), printable(example))]
