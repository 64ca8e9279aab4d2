"""Parts that the outputs share."""

from typing import Annotated, Any

from pydantic import AliasPath, BaseModel, BeforeValidator, ConfigDict, Field


class Shown(BaseModel):
    """A JSON object that shows a result: each key is the result's attribute of that name, or the one that `at` names.

    An `optional` key is left out where the result has None.
    """

    model_config = ConfigDict(from_attributes=True, frozen=True)


def at(path: str) -> Any:
    """A field that is read from the attribute at `path`, such as `run.spec.name` or `sides.0`."""
    return Field(validation_alias=_alias(path))


def optional(path: str) -> Any:
    """The same, for a key that is left out where there is nothing to show."""
    return Field(None, validation_alias=_alias(path), json_schema_extra=_without_default)


def _alias(path: str) -> AliasPath:
    first, *rest = path.split(".")
    return AliasPath(first, *[int(part) if part.isdigit() else part for part in rest])


def _without_default(schema: dict[str, Any]) -> None:
    del schema["default"]


Text = Annotated[str, BeforeValidator(str)]
"""A path, or another object, as text."""


WarningFields = dict[str, str | int]
"""A warning about the data of a training, as in its `result.json`: its `kind`, and what it says."""


class ReachedOutput(Shown):
    """How far an unfinished training is: `epoch` of `epochs` are done, and `step` steps of the next."""

    epoch: int
    step: int
    epochs: int


class IntervalOutput(Shown):
    low: float
    high: float
    level: int
    method: str


def by(method: str) -> BeforeValidator:
    """Makes an `IntervalOutput` of a pair of ends."""

    def describe(ends: tuple[float, float] | None) -> object:
        return None if ends is None else {"low": ends[0], "high": ends[1], "level": 95, "method": method}

    return BeforeValidator(describe)
