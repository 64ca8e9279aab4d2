"""What a user should know although nothing failed: facts, which `cli.notices` puts into words."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class MnistUnavailable:
    """MNIST is neither here nor can it be downloaded; the 5,000 images of mnist-5k are used instead."""

    problem: str


@dataclass(frozen=True, slots=True)
class NativeEngineUnavailable:
    """The native engine cannot train this network here; PyTorch trains it."""

    problem: str


@dataclass(frozen=True, slots=True)
class NativeTeacherUnavailable:
    """The native engine cannot compute this teacher here; PyTorch computes it."""

    teacher: Path
    problem: str


@dataclass(frozen=True, slots=True)
class CudaGraphUnavailable:
    """PyTorch cannot record a CUDA graph here; operations are launched one by one."""

    problem: str


@dataclass(frozen=True, slots=True)
class Difference:
    """What was one thing before, and is another now."""

    what: str
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class ResumedElsewhere:
    """A run is resumed with something else than it was begun with, so that its bits will be others than those of a run
    that never stopped."""

    run: Path
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class ResultsLeftOut:
    """Results in a folder that a Pareto front cannot use."""

    folder: Path
    count: int
    kind: Literal["held-out series", "single run"]
    """Series scored on held-out images, or runs that belong to no series."""
    example: Path


@dataclass(frozen=True, slots=True)
class FilesPassedOver:
    """Files in a folder that are not of the expected kind, and were not looked at."""

    folder: str
    count: int
    expected: str
    """Such as `PNG or JPEG`."""
    example: str


@dataclass(frozen=True, slots=True)
class BesideFolders:
    """What lies in a data set beside the folders of its classes, and is not read."""

    folder: str
    count: int
    example: str


@dataclass(frozen=True, slots=True)
class FifthTaken:
    """A data set came without test images, so that a fifth of its images are taken for testing."""

    count: int


@dataclass(frozen=True, slots=True)
class TrainingImagesGone:
    """A run is scored on other images than its own, which are not here any more to be compared with those."""

    run: str
    trained_on: str
    scored: str


@dataclass(frozen=True, slots=True)
class TrainingPicturesRead:
    """Files that were predicted and scored, and lie in the data set that the network was trained on."""

    count: int
    dataset: str


@dataclass(frozen=True, slots=True)
class UnlabelledPassedOver:
    """A file of a data set that has no labels, so that nothing can be scored on it."""

    folder: str
    file: str


@dataclass(frozen=True, slots=True)
class SpecsPassedOver:
    """YAML files in a folder of architectures that are hidden, link to somewhere else, or belong to a run."""

    folder: str
    count: int
    examples: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class WorkerUnfit:
    """A worker of a cluster that is not used: it has other versions, or none."""

    worker: str
    tinymnist: str
    """Empty where it cannot import tinymnist."""
    torch: str
    tinymnist_here: str
    torch_here: str


@dataclass(frozen=True, slots=True)
class WorkersAwaited:
    """A cluster has no worker that can be used, yet."""

    scheduler: str


@dataclass(frozen=True, slots=True)
class SpecsFound:
    """Without a folder `./archs` and without a name, other architectures are meant."""

    count: int
    where: Literal["this folder", "tinymnist"]


@dataclass(frozen=True, slots=True)
class PicturesSkipped:
    """Pictures of a data set that cannot be read, and are left out as the user wished."""

    folder: str
    count: int
    example: str


@dataclass(frozen=True, slots=True)
class SixteenBitsScaled:
    """Pictures of a data set that have 16 bits per channel, of which 8 are kept."""

    folder: str
    count: int


@dataclass(frozen=True, slots=True)
class TransparencyFilled:
    """Pictures of a data set that are transparent in part, and were put on white."""

    folder: str
    count: int


@dataclass(frozen=True, slots=True)
class TwinsInTraining:
    """Training images that are equal, pixel by pixel, to others."""

    repeated: int
    """Images that would not be missed."""
    contradicting: int
    """Images of which an equal one has another label."""
    example: str
    """The places of two that are equal, under different labels where there are such."""


@dataclass(frozen=True, slots=True)
class ClassesUnequal:
    """Training has many times more images of one class than of another."""

    largest: str
    most: int
    smallest: str
    fewest: int


@dataclass(frozen=True, slots=True)
class ClassesUntested:
    """Classes without a test image."""

    count: int
    example: str


Notice = (
    MnistUnavailable
    | NativeEngineUnavailable
    | NativeTeacherUnavailable
    | CudaGraphUnavailable
    | ResumedElsewhere
    | ResultsLeftOut
    | FilesPassedOver
    | BesideFolders
    | FifthTaken
    | TrainingImagesGone
    | TrainingPicturesRead
    | UnlabelledPassedOver
    | SpecsPassedOver
    | WorkerUnfit
    | WorkersAwaited
    | SpecsFound
    | PicturesSkipped
    | SixteenBitsScaled
    | TransparencyFilled
    | TwinsInTraining
    | ClassesUnequal
    | ClassesUntested
)

DATA_WARNINGS = (
    PicturesSkipped, SixteenBitsScaled, TransparencyFilled, TwinsInTraining, ClassesUnequal, ClassesUntested
)  # fmt: skip
"""What every result on a data set repeats."""

Warn = Callable[[Notice], None]


def fields_of(notice: Notice) -> dict[str, Any]:
    """The fields of a notice and its `kind`, as JSON has them."""
    return {"kind": type(notice).__name__, **asdict(notice)}


def data_warning(recorded: Mapping[str, Any]) -> Notice | None:
    """The warning whose `fields_of` are `recorded`; None where this version knows no such warning."""
    kinds = {kind.__name__: kind for kind in DATA_WARNINGS}
    kind = kinds.get(str(recorded.get("kind")))
    given = {key: value for key, value in recorded.items() if key != "kind"}
    if kind is None:
        return None
    types = {key: type(value) for key, value in given.items()}
    return kind(**given) if types == {field.name: field.type for field in fields(kind)} else None


def warn_in_python(notice: Notice) -> None:
    """Gives a notice to Python's `warnings`: the default for callers without a command line."""
    warnings.warn(str(notice), stacklevel=3)
