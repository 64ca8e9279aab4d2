"""Names of classes: what may be one, in which order they stand, and names for labels that are only numbers."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinymnist.data.as_read import Part
from tinymnist.data.image_set import MAX_CLASSES, SplitName
from tinymnist.errors import DataError

LONGEST_NAME = 255
"""Characters, as many as the name of a folder can have."""


def checked_name(text: str, where: str) -> str:
    """The name of a class that a file declares, composed (NFC) as those of folders are. Raises `DataError`."""
    refuse_unprintable(text, where)
    name = unicodedata.normalize("NFC", text)
    if not name.strip():
        raise DataError(f"{where}: a class has an empty name: give it one")
    if len(name) > LONGEST_NAME:
        raise DataError(f"{where}: the name of a class has {len(name):,} characters: {LONGEST_NAME} are the most")
    return name


def refuse_unprintable(name: str, where: str) -> None:
    """Raises `DataError` for a name that is not UTF-8 or has control characters."""
    if name.isascii() and name.isprintable():
        return
    categories = {unicodedata.category(character) for character in name}
    if "Cs" in categories:  # how Python shows bytes that are not UTF-8
        raise DataError(f"{where}: the name is not UTF-8: rename it")
    if categories & {"Cc", "Cf", "Zl", "Zp"}:
        raise DataError(f"{where}: the name has control characters: rename it")


def in_order(names: Iterable[str]) -> list[str]:
    """Names sorted: by value where all of them are whole numbers, else by their characters."""
    names = sorted(names)
    numbers = all(name.isascii() and name.isdecimal() for name in names)
    return sorted(names, key=lambda name: (len(name.lstrip("0")), name.lstrip("0"))) if numbers else names


def classes_in_order(
    name: str, parts: Mapping[SplitName, Part], class_names: Sequence[str] | None, *, ordered: bool = False
) -> tuple[dict[SplitName, Part], tuple[str, ...]]:
    """Parts whose labels are indices of class names, by default the labels as they are, and these names: sorted, unless
    they are `ordered` already.

    Raises `DataError` for a class without training images; where there are none at all, without test images.
    """
    learned: SplitName = "train" if len(parts["train"].labels) else "test"
    present = {split: {*part.labels.tolist()} for split, part in parts.items()}
    if class_names is None:
        name_of = {label: str(label) for label in set[int]().union(*present.values())}
    else:
        name_of = dict(enumerate(class_names))
    names = [*name_of.values()] if ordered else in_order(name_of.values())
    index = {class_name: number for number, class_name in enumerate(names)}
    for label, class_name in name_of.items():
        if label not in present[learned]:
            raise _untrained(name, parts, label, class_name)
    indexed = {
        split: replace(part, labels=np.array([index[name_of[label]] for label in part.labels.tolist()], np.int64))
        for split, part in parts.items()
    }
    return indexed, tuple(names)


def _untrained(name: str, parts: Mapping[SplitName, Part], label: int, class_name: str) -> DataError:
    places = [
        f", but {part.origins[index]} is one of {split}"
        for split, part in parts.items()
        for index in np.flatnonzero(part.labels == label)[:1]
    ]
    where = places[0] if places else ""
    return DataError(f"{name}: class '{class_name}' has no training image{where}: add some, or remove the class")


def whole_labels(values: NDArray[Any], where: str, limit: int = MAX_CLASSES) -> NDArray[np.int64]:
    """Labels (N,) as indices from 0 to `limit` - 1. Raises `DataError` for any that is not such a number."""
    if values.dtype.kind not in "biuf":
        raise DataError(f"{where}: labels of type {values.dtype}: expects whole numbers from 0")
    wrong = np.flatnonzero(~((values >= 0) & (values < limit) & (values == np.floor(values))))  # NaN is wrong too
    if len(wrong):
        raise DataError(
            f"{where}: label {wrong[0] + 1:,} is {values[wrong[0]]}: expects whole numbers, 0 to {limit - 1}"
        )
    return values.astype(np.int64)
