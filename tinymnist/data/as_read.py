"""What a source holds, before it is judged and put in order, and how it is asked for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinymnist.data.image_set import SplitName
from tinymnist.notices import Notice

Pictures = Sequence[NDArray[np.uint8]] | NDArray[np.uint8]
"""Each (H, W), or (H, W, 3) in colour. In a sequence, a picture in colour has some; in an array, perhaps none has."""

Progress = Callable[[int, int], None]
"""Called with how many images are decoded, and how many there are."""


def no_progress(done: int, total: int) -> None:
    """Shows nothing."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read a source."""

    resize: tuple[int, int] | None = None
    """Height and width of every image; None: as they are."""
    skip_unreadable: bool = False
    progress: Progress = no_progress


@dataclass(frozen=True, slots=True)
class Part:
    """One split as its source has it."""

    images: Pictures
    labels: NDArray[np.int64]
    """Indices of class names; where the source has no names, the numbers that it has."""
    origins: Sequence[str]


@dataclass(frozen=True, slots=True)
class AsRead:
    """A source without `test` is split later."""

    parts: Mapping[SplitName, Part]
    class_names: tuple[str, ...] | None = None
    notices: tuple[Notice, ...] = ()
    published: str | None = None
    """The name in the catalogue of the data set whose files these are."""


AS_THEY_ARE = ReadOptions()
