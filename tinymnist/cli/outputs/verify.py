"""The JSON of `verify`."""

from typing import Annotated

from pydantic import BeforeValidator

from tinymnist.cli.outputs.base import Shown
from tinymnist.verification.findings import Question


class FindingOutput(Shown):
    question: Question
    found: str
    passed: bool


class RunOutput(Shown):
    """A run, or a series after its runs; accuracies are percent."""

    run: str
    name: str | None
    passed: bool
    claimed: float | None
    scored: float | None
    identical: bool | None
    error: Annotated[str | None, BeforeValidator(lambda error: error and str(error))]
    findings: list[FindingOutput]


class Output(Shown):
    """What `verify --json` prints."""

    exit_code: int
    runs: list[RunOutput]
