"""Data sets: found, downloaded, verified, loaded, judged and augmented.

Each name imports what it needs when it is first used, so that what can do without torch never imports it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinymnist.data.catalogue import DATASETS
    from tinymnist.data.dataset import Dataset, Split
    from tinymnist.data.image_set import Images, ImageSet
    from tinymnist.data.load import is_there, load_dataset, trainable_source, usable_source
    from tinymnist.data.sources import read_image_set

_HOMES = {
    "DATASETS": "catalogue",
    "Dataset": "dataset",
    "ImageSet": "image_set",
    "Images": "image_set",
    "Split": "dataset",
    "is_there": "load",
    "load_dataset": "load",
    "read_image_set": "sources",
    "trainable_source": "load",
    "usable_source": "load",
}

__all__ = [
    "DATASETS",
    "Dataset",
    "ImageSet",
    "Images",
    "Split",
    "is_there",
    "load_dataset",
    "read_image_set",
    "trainable_source",
    "usable_source",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tinymnist.data' has no attribute {name!r}")
    return getattr(import_module(f"tinymnist.data.{_HOMES[name]}"), name)
