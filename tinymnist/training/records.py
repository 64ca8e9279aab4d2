"""The JSON files of runs and series as types, so that a damaged file is found when it is opened."""

import json
from pathlib import Path
from typing import Annotated, Literal, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, model_validator

from tinymnist.choices import Device
from tinymnist.data.catalogue import DATASETS
from tinymnist.data.class_names import LONGEST_NAME
from tinymnist.data.publication import Prepare
from tinymnist.data.sameness import Recorded
from tinymnist.errors import DataError
from tinymnist.files import read_bytes, write_atomically
from tinymnist.spec.models import NAME
from tinymnist.text import SCHEMA_VERSION, images_text
from tinymnist.training.seeds import LARGEST_SEED, MAX_SEEDS

ENVIRONMENT, RESULT, SERIES = "environment.json", "result.json", "series.json"


MAX_BYTES = 16 << 20
"""The largest record that is read: several times one of a series with `MAX_SEEDS` seeds."""


class Record(BaseModel):
    """Base of the records: frozen, without coercion or infinities. Keys of later versions are kept."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow", allow_inf_nan=False)

    schema_version: Annotated[int, Field(ge=1, le=1_000_000)] = SCHEMA_VERSION

    @model_validator(mode="after")
    def _can_be_written_again(self) -> "Record":
        json.dumps(self.model_extra, allow_nan=False)  # keys of later versions may hold anything but NaN
        return self


Number = Annotated[int, Field(ge=0, le=10**12)]
"""A count; Python refuses to write one of more than 4,300 digits."""
Percent = Annotated[float, Field(ge=0, le=100)]
Threads = Annotated[int, Field(ge=1, le=256)]
Name = Annotated[str, Field(pattern=NAME)]
Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$")]
"""Text without line breaks or control characters."""
DatasetName = Annotated[Line, Field(min_length=1, max_length=1000)]
"""A name of the catalogue, or a path."""
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
ClassName = Annotated[Line, Field(min_length=1, max_length=LONGEST_NAME)]
Warnings = Annotated[list[dict[str, Annotated[str, Field(max_length=10_000)] | Number]], Field(max_length=100)]
"""What is worth knowing of the data: the fields of notices, and their `kind`."""


class Origin(BaseModel):
    """What a run records of its images, besides the name or path of their data set. Keys of later versions are kept."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow", allow_inf_nan=False)

    digest: Digest
    """Of images, labels and class names, whatever the format."""
    class_names: Annotated[list[ClassName], Field(min_length=2, max_length=1000)]
    prepare: Prepare
    warnings: Warnings = []

    @model_validator(mode="after")
    def _classes_are_different(self) -> "Origin":
        if len(set(self.class_names)) < len(self.class_names):
            raise ValueError("class_names: a name stands twice")
        return self


def _missing_for_published_ones_alone(data: Origin | None, info: ValidationInfo) -> Origin | None:
    """Without it, nothing would tell whether the images at a path are those that a run was trained on."""
    if data is None and info.data.get("dataset") not in DATASETS:
        raise ValueError("is missing, which only a data set with a name can do without")
    return data


OriginIfRecorded = Annotated[Origin | None, AfterValidator(_missing_for_published_ones_alone)]


class TrainedOn(BaseModel):
    """Images that weights were trained on: the training images of a data set, without the last `validation`."""

    model_config = ConfigDict(strict=True, frozen=True)

    dataset: DatasetName
    validation: Number
    digest: Digest | None = None
    """Of the data set; None in runs of earlier versions."""

    def is_same(self, other: "TrainedOn") -> bool:
        """Whether both are images of one data set."""
        return self.data.is_same(other.data)

    @property
    def data(self) -> Recorded:
        """The data set."""
        return Recorded(self.dataset, self.digest)


class Initial(BaseModel):
    """The trained network that a run starts from, and the images that it knows."""

    model_config = ConfigDict(strict=True, frozen=True)

    run: str
    """The path that it was found at."""
    weights_sha256: str
    trained_on: list[TrainedOn]


class Session(BaseModel):
    """A resumption of a run: where it took the training up, and with what. Keys of later versions are kept."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow", allow_inf_nan=False)

    started: str
    epoch: Number
    """Finished epochs; `step` are those of the next one."""
    step: Number
    device: str
    device_name: str
    engine: str
    numerics: Line = ""
    """`portable-1`, whose bits every machine gives, or why they are its own; empty in runs of earlier versions."""
    augmentation: str
    threads: Threads
    versions: dict[str, str]
    system: str
    cores: Number | None


class Environment(Record):
    """`environment.json`: how and with what a run was begun, and each time it was resumed."""

    created: str
    command: list[str]
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)]
    dataset: DatasetName
    checksums: dict[str, str]
    data: OriginIfRecorded = Field(None, validate_default=True)
    """None in runs of earlier versions."""
    validation: Number = 0
    """Training images that are held out and scored instead of the test set."""
    teachers: dict[str, str] = {}
    """SHA-256 of each teacher's weights, by the teacher's path."""
    initial: Initial | None = None
    """The trained network that the run starts from; None: random weights."""
    device: str
    device_name: str
    engine: str
    numerics: Line = ""
    """`portable-1`, whose bits every machine gives, or why they are its own; empty in runs of earlier versions."""
    augmentation: str
    threads: Threads
    versions: dict[str, str]
    system: str
    cores: Number | None
    spec_sha256: str | None = None
    """What `spec.yaml` says, by `spec_digest`; None in runs of earlier versions."""
    sessions: list[Session] = []
    """One for each time that the run was resumed."""


class Result(Record):
    """`result.json` of a run, which `train --json` prints. Accuracies are percent."""

    run: str
    name: Name
    parameters: Number
    dataset: DatasetName
    data_digest: Digest | None = None
    """Of images, labels and class names of the data set; None in results of earlier versions, as in a series."""
    warnings: Warnings = []
    seed: Annotated[int, Field(ge=0, le=LARGEST_SEED)]
    epochs: Number
    """Epochs that were trained."""
    stopped_early: bool = False
    """Whether training stopped before the last epoch of the recipe."""
    best_epoch: Number | None = None
    """The epoch whose weights and figures these are, where the recipe stops early; None: those of the last one."""
    scored_on: Literal["test", "validation"] = "test"
    chosen_on: Line = ""
    """The data that the recipe was chosen on, according to the recipe."""
    accuracy: Percent
    """After the last epoch, or the best one."""
    n: Number
    """Images scored."""
    loss: float
    train_accuracy: Percent
    train_loss: float
    seconds: float
    weights_sha256: str
    """The digest of `weights.safetensors`."""


class Declaration(Record):
    """`series.json`: the seeds of a series, and the data and settings that each of them is trained with."""

    seeds: Annotated[list[Annotated[int, Field(ge=0, le=LARGEST_SEED)]], Field(min_length=1, max_length=MAX_SEEDS)]
    dataset: DatasetName
    checksums: dict[str, str]
    data: OriginIfRecorded = Field(None, validate_default=True)
    """None in series of earlier versions."""
    validation: Number
    teachers: dict[str, str]
    """SHA-256 of each teacher's weights, by the teacher's path."""
    initial: Initial | None = None
    """The trained network that each seed starts from; None: random weights."""
    device: Annotated[str, Field(pattern=f"^({'|'.join(get_args(Device))})$")]
    threads: Threads | None
    """CPU threads of each training; None: PyTorch's choice."""
    spec_sha256: str | None = None
    """What `spec.yaml` says, by `spec_digest`; None in series of earlier versions."""

    @model_validator(mode="after")
    def _seeds_are_different(self) -> "Declaration":
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("a seed is listed twice")
        return self


class Interval(BaseModel):
    """A 95 % interval of a mean, percent."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    low: float
    high: float
    level: int = 95
    method: str = "t"


class SeriesResult(Record):
    """`result.json` of a series: one spec trained with many seeds.

    Accuracies are percent, after the last epoch or the best one; `std`, with n - 1, and `interval` are None where n
    is 1.
    """

    run: str
    name: Name
    parameters: Annotated[int, Field(ge=1, le=10**12)]
    dataset: DatasetName
    data_digest: Digest | None = None
    warnings: Warnings = []
    scored_on: Literal["test", "validation"]
    chosen_on: Line
    images: Annotated[int, Field(ge=1, le=10**12)]
    """The number of images that each seed was scored on."""
    epochs: Number
    """Epochs that each seed was trained, with early stopping the most of any seed."""
    epochs_by_seed: list[Number] | None = None
    """Epochs that each seed was trained, where the recipe stops early."""
    best_epochs: list[Number] | None = None
    """The epoch whose weights and figures are those of each seed, where the recipe stops early."""
    stopped_early: Number = 0
    """Seeds that stopped before the last epoch of the recipe."""
    seeds: list[Annotated[int, Field(ge=0, le=LARGEST_SEED)]]
    accuracies: list[float]
    """One per seed, in the order of `seeds`; so are the losses."""
    losses: list[float]
    mean: float
    std: float | None
    interval: Interval | None
    n: Number
    """Seeds."""
    minimum: float
    maximum: float
    seconds: float
    """The sum over all seeds."""

    def is_of_same_images(self, other: "SeriesResult") -> bool:
        """Whether both series were scored on the same images, under whatever names and in whatever formats."""
        if (self.scored_on, self.images) != (other.scored_on, other.images):
            return False
        if self.scored_on == "validation":
            return self.data.holds_out_the_same(other.data)
        return self.data.is_same(other.data)

    @property
    def data(self) -> Recorded:
        """The data set that it was trained and scored on."""
        return Recorded(self.dataset, self.data_digest)

    @property
    def median_seed(self) -> int:
        """The seed with the median accuracy, the lower of two; its network is shown for the series."""
        by_accuracy = sorted(zip(self.accuracies, self.losses, self.seeds, strict=True))
        return by_accuracy[(self.n - 1) // 2][2]

    @model_validator(mode="after")
    def _figures_fit_each_other(self) -> "SeriesResult":
        if not len(self.accuracies) == len(self.losses) == len(self.seeds) == self.n >= 1:
            raise ValueError("seeds, accuracies, losses and n are not alike")
        if any(each is not None and len(each) != self.n for each in (self.epochs_by_seed, self.best_epochs)):
            raise ValueError("epochs_by_seed, best_epochs and n are not alike")
        if not all(0 <= accuracy <= 100 for accuracy in self.accuracies):
            raise ValueError("an accuracy is not between 0 and 100")
        if (self.std is None) != (self.n == 1) or (self.interval is None) != (self.n == 1):
            raise ValueError("std and interval do not fit n")
        return self


def different_images(place: str, result: SeriesResult, other_place: str, other: SeriesResult) -> str:
    """How an error says that two series, found at these places, were not scored on the same images."""
    one, another = (images_text(each.images, each.scored_on, each.dataset) for each in (result, other))
    if one == another:
        return f"{place} and {other_place} were scored on different images, both named {one}"
    return f"{place} was scored on {one}, {other_place} on {another}"


R = TypeVar("R", bound=Record)


def read_record(kind: type[R], path: Path) -> R:
    """Reads a record. Raises `DataError` where the file is damaged."""
    try:
        return kind.model_validate_json(read_bytes(path, MAX_BYTES))
    except ValidationError as error:
        raise DataError(f"{path}: damaged ({gist(error)}): copy the run again") from None


def gist(error: Exception) -> str:
    """What is wrong with a file, in one line that quotes nothing of the file but a key."""
    if not isinstance(error, ValidationError):
        return " ".join(str(error).split())[:120]
    problem = error.errors()[0]
    where = "".join(f"{part}: " for part in problem["loc"])
    return f"{where}{problem['msg'].removeprefix('Value error, ')}"


def write_record(record: Record, path: Path) -> None:
    """Writes a record, whole or not at all. Raises `DataError`."""
    write_atomically(path, record_text(record))


def record_text(record: Record) -> str:
    """The content of a record's file."""
    return record.model_dump_json(indent=2) + "\n"
