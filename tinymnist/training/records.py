"""What the JSON files of a run hold, typed, so that a damaged one is found when it is opened."""

from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tinymnist.errors import DataError
from tinymnist.files import read_bytes, write_atomically
from tinymnist.text import SCHEMA_VERSION

ENVIRONMENT, RESULT = "environment.json", "result.json"


class Record(BaseModel):
    """Base of the records: frozen, without coercion or infinities; keys of later versions are let through."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow", allow_inf_nan=False)

    schema_version: Annotated[int, Field(ge=1)] = SCHEMA_VERSION


class Environment(Record):
    """How and with what a run was made: `environment.json`."""

    created: str
    command: list[str]
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)]
    dataset: str
    checksums: dict[str, str]
    device: str
    device_name: str
    engine: str
    augmentation: str
    threads: Annotated[int, Field(ge=1, le=256)]
    versions: dict[str, str]
    system: str
    cores: int | None


class Result(Record):
    """What came of a run: `result.json`, and what `train --json` prints. Accuracies are percent."""

    run: str
    name: str
    parameters: int
    dataset: str
    seed: int
    epochs: int
    accuracy: float
    """On the test set, after the last epoch."""
    n: int
    """Test images."""
    loss: float
    train_accuracy: float
    train_loss: float
    seconds: float
    weights_sha256: str
    """Of `weights.safetensors`."""


R = TypeVar("R", bound=Record)


def read_record(kind: type[R], path: Path) -> R:
    """Raises `DataError` where the file is damaged."""
    try:
        return kind.model_validate_json(read_bytes(path))
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"])) or "JSON"
        raise DataError(f"{path}: damaged ({where}: {problem['msg']}): copy the run again") from None


def write_record(record: Record, path: Path) -> None:
    write_atomically(path, record.model_dump_json(indent=2) + "\n")
