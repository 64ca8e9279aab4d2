"""The JSON of `check`."""

from typing import Annotated, Literal

from pydantic import BeforeValidator

from tinymnist.cli.outputs.base import Shown, at


class RuleOutput(Shown):
    """A rule; `found` is a number where the rule is about one."""

    rule: str
    given_by: Literal["file", "command line"]
    asked: str | None
    found: int | str = at("figure")
    passed: bool
    file: str = at("place.file")
    line: int | None = at("place.line")
    option: str | None = at("place.option")


class WarningOutput(Shown):
    """Something that is allowed and looks wrong."""

    path: str = at("where")
    message: str
    file: str = at("place.file")
    line: int | None = at("place.line")


class ArchitectureOutput(Shown):
    file: str
    name: str | None
    parameters: int | None
    multiply_adds: int | None
    passed: bool
    error: Annotated[str | None, BeforeValidator(lambda error: error and str(error))]
    rules: list[RuleOutput] = at("verdicts")
    warnings: list[WarningOutput] = at("doubts")


class Output(Shown):
    """What `check --json` prints."""

    exit_code: int
    architectures: list[ArchitectureOutput]
