"""The folder of a grading: what was asked, with which seeds, and the grades."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from tinymnist.errors import DataError, RunError
from tinymnist.files import read_bytes, write_folder
from tinymnist.grading.declaration import Assignment, load_assignment
from tinymnist.training.directory import refuse_link
from tinymnist.training.records import DatasetName, Digest, OriginIfRecorded, Record, read_record, record_text
from tinymnist.training.seeds import LARGEST_SEED, draw_seed

ASSIGNMENT, RECORD, RUNS = "assignment.yaml", "grading.json", "runs"


class GradingRecord(Record):
    """`grading.json`: what all submissions are trained with."""

    created: str
    assignment_sha256: Digest
    seeds: Annotated[list[Annotated[int, Field(ge=0, le=LARGEST_SEED)]], Field(min_length=1, max_length=1000)]
    dataset: DatasetName
    data: OriginIfRecorded = Field(None, validate_default=True)
    device: str
    threads: Annotated[int, Field(ge=1, le=256)] | None


@dataclass(frozen=True)
class Grading:
    """The folder of a grading."""

    path: Path
    assignment: Assignment
    record: GradingRecord

    @property
    def runs(self) -> Path:
        return self.path / RUNS


def drawn_seeds(assignment: Assignment) -> list[int]:
    """Those of the assignment, or as many as it asks for, which nobody knew before."""
    if isinstance(assignment.seeds, tuple):
        return [*assignment.seeds]
    seeds: list[int] = []
    while len(seeds) < assignment.seeds:
        seeds = [*dict.fromkeys([*seeds, draw_seed()])]
    return seeds


def create_grading(path: Path, assignment: Assignment, text: str, record: GradingRecord) -> Grading:
    """Makes the folder, whole or not at all. Raises `DataError`."""
    try:
        write_folder(path, {ASSIGNMENT: text, RECORD: record_text(record)})
    except OSError as error:
        problem = f"cannot be written: {error.strerror or error}: choose another --output"
        raise DataError(f"{path.parent}: {problem}") from None
    return Grading(path, assignment, record)


def open_grading(path: Path, text: str) -> Grading:
    """Opens the folder of a grading by the assignment in `text`. Raises `RunError` where it is of another one,
    `DataError` where it is damaged."""
    for name in (ASSIGNMENT, RECORD, RUNS):
        refuse_link(path / name)
    if not os.path.lexists(path / RECORD):
        raise RunError(f"{path}: is not the folder of a grading: choose another --output")
    record = read_record(GradingRecord, path / RECORD)
    if hashlib.sha256(read_bytes(path / ASSIGNMENT)).hexdigest() != record.assignment_sha256:
        raise DataError(f"{path / ASSIGNMENT}: has changed since the grading began: put it back")
    if assignment_digest(text) != record.assignment_sha256:
        raise RunError(f"{path}: holds grades of another assignment, or an earlier version: choose another --output")
    return Grading(path, load_assignment(str(path / ASSIGNMENT))[0], record)


def assignment_digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
