"""An `ImageSet` as named arrays, and back: pixels, labels and hashes as they are, and the rest as a text in JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from tinymnist.data.image_set import Images, ImageSet, Place
from tinymnist.notices import Notice

FACTS = "facts"
"""Name of the array with the bytes of the text."""
HASH_BYTES = 32
NOTICES = {kind.__name__: kind for kind in get_args(Notice)}

Arrays = Mapping[str, NDArray[Any]]


def arrays_of(data: ImageSet) -> Arrays:
    """Everything but the data set's name, and the folder that notices name."""
    facts = {
        "class_names": data.class_names,
        "shape": data.shape,
        "digest": data.digest,
        "leaks": [[[place.split, place.class_name, place.origin] for place in places] for places in data.leaks],
        "notices": [_described(notice) for notice in data.notices],
        "origins": {split: images.origins for split, images in data.splits.items()},
    }
    arrays: dict[str, NDArray[Any]] = {FACTS: np.frombuffer(json.dumps(facts).encode("ascii"), np.uint8)}
    for split, images in data.splits.items():
        arrays[f"{split}.pixels"] = images.pixels
        arrays[f"{split}.labels"] = images.labels
        arrays[f"{split}.hashes"] = np.frombuffer(b"".join(images.hashes), np.uint8)
    return arrays


def image_set_of(arrays: Arrays, name: str, folder: str) -> ImageSet:
    """The data set that was made arrays, now called `name`, with notices that name `folder`.

    Raises `KeyError`, `TypeError` or `ValueError` for other arrays.
    """
    facts = json.loads(_array(arrays, FACTS, np.uint8).tobytes())
    splits = {split: _images(arrays, split, facts["shape"], origins) for split, origins in facts["origins"].items()}
    return ImageSet(
        name=name,
        class_names=tuple(facts["class_names"]),
        train=splits["train"],
        test=splits["test"],
        val=splits.get("val"),
        digest=facts["digest"],
        leaks=tuple(tuple(Place(*place) for place in places) for places in facts["leaks"]),
        notices=tuple(_notice(described, folder) for described in facts["notices"]),
    )


def _images(arrays: Arrays, split: str, shape: tuple[int, int, int], origins: list[str]) -> Images:
    hashes = _array(arrays, f"{split}.hashes", np.uint8).tobytes()
    return Images(
        _array(arrays, f"{split}.pixels", np.uint8).reshape(len(origins), *shape),
        _array(arrays, f"{split}.labels", np.int64).reshape(len(origins)),
        tuple(hashes[HASH_BYTES * index : HASH_BYTES * (index + 1)] for index in range(len(origins))),
        tuple(origins),
    )


def _array(arrays: Arrays, name: str, dtype: type) -> NDArray[Any]:
    if arrays[name].dtype != dtype:
        raise ValueError(f"{name} is of type {arrays[name].dtype}")
    return arrays[name]


def _described(notice: Notice) -> dict[str, Any]:
    """The kind of a notice, and its fields but the folder."""
    return {"kind": type(notice).__name__} | {key: value for key, value in asdict(notice).items() if key != "folder"}


def _notice(described: Mapping[str, Any], folder: str) -> Notice:
    kind = NOTICES[described["kind"]]
    fields = {key: value for key, value in described.items() if key != "kind"}
    notice: Notice = kind(**fields, folder=folder) if "folder" in kind.__dataclass_fields__ else kind(**fields)
    return notice
