"""The JSON files of a study as types."""

from pydantic import Field

from tinymnist.training.records import (
    DatasetName,
    Digest,
    Line,
    Name,
    Number,
    OriginIfRecorded,
    Percent,
    Record,
    Threads,
)


class StudyRecord(Record):
    """`study.json`: what a study was begun with."""

    created: str
    command: list[str]
    dataset: DatasetName
    checksums: dict[str, str]
    data: OriginIfRecorded = Field(None, validate_default=True)
    validation: Number
    device: str
    threads: Threads | None
    versions: dict[str, str]
    search_sha256: Digest
    base_sha256: Digest


class Finalist(Record):
    """A network that was trained with many seeds in the end. Accuracies are percent."""

    trial: Number
    name: Name
    parameters: Number
    macs: Number
    ram: Number | None = None
    """None for a network with no int8 program, and in results of before it was recorded; so is `flash`, an estimate."""
    flash: Number | None = None
    run: str
    accuracy: Percent
    """Mean over seeds, on the held-out images."""
    std: float | None
    loss: float
    n: Number
    """Seeds."""


class Winner(Record):
    """A network that was trained on all training images, and then scored on the test set."""

    trial: Number
    name: Name
    parameters: Number
    run: str
    accuracy: Percent
    std: float | None
    n: Number


class StudyResult(Record):
    """`result.json` of a study, which `search --json` prints."""

    study: str
    name: Name
    dataset: DatasetName
    chosen_on: Line
    trials: Number
    trainings: Number
    epochs: Number
    """Of all trainings of all trials together."""
    seconds: float
    finalists: list[Finalist]
    """Best first."""
    winners: list[Winner]
    """The best finalist; where there are several objectives, all that nothing beats in everything."""
