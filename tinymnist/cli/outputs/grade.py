"""The JSON of `grade`."""

from tinymnist.cli.outputs.base import Shown
from tinymnist.grading.grades import Status


class PartOutput(Shown):
    rule: str
    points: float
    most: float
    reason: str


class GradeOutput(Shown):
    """A submission; accuracies are percent."""

    submission: str
    status: Status
    parameters: int | None
    accuracy: float | None
    accuracies: tuple[float, ...]
    points: float
    most: float
    parts: tuple[PartOutput, ...]
    remarks: tuple[str, ...]


class Output(Shown):
    """What `grade --json` prints."""

    name: str
    seeds: list[int]
    grades: tuple[GradeOutput, ...]
