"""The JSON of `search`: the `result.json` of a study, or with `--dry-run` what is to be expected."""

from typing import Annotated

from pydantic import BeforeValidator

from tinymnist.cli.outputs.base import Shown
from tinymnist.search.records import StudyResult


def _finite(number: float) -> float | None:
    return None if number == float("inf") else number


class DryRun(Shown):
    """Shares are between 0 and 1; `networks` is null where a value need not be a whole number."""

    networks: Annotated[float | None, BeforeValidator(_finite)]
    drawn: int
    valid: float
    fitting: float
    scaled: float
    base_is_tried: bool
    trainings: list[float]
    epochs: float
    epochs_of_finals: int


class StudyOutput(StudyResult):
    """A finished study."""


Output = StudyOutput | DryRun
