"""The JSON of `check`."""

from typing import Annotated

from pydantic import BeforeValidator

from tinymnist.cli.outputs.base import Shown, at


class RuleOutput(Shown):
    rule: str
    asked: str
    found: str
    passed: bool
    file: str = at("place.file")
    line: int | None = at("place.line")
    option: str | None = at("place.option")


class ArchitectureOutput(Shown):
    file: str
    name: str | None
    passed: bool
    error: Annotated[str | None, BeforeValidator(lambda error: error and str(error))]
    rules: list[RuleOutput] = at("verdicts")


class Output(Shown):
    """What `check --json` prints."""

    exit_code: int
    architectures: list[ArchitectureOutput]
