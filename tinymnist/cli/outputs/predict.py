"""The JSON of `predict`."""

from typing import Annotated

from pydantic.json_schema import SkipJsonSchema

from tinymnist.cli.outputs.base import IntervalOutput, Shown, Text, at, by, optional


class GuessOutput(Shown):
    digit: int
    probability: float


class BoxOutput(Shown):
    """Pixels of the picture, from its left top corner."""

    x: int
    y: int
    width: int
    height: int


class PictureOutput(Shown):
    """A picture that could be read, or with `--many` one digit in it. Probabilities are from 0 to 1; `picture` is with
    `--show`: rows of grey levels; `label` is the digit that the folder names; `box` is with `--many`."""

    file: str = at("prediction.file")
    digit: int = at("prediction.digit")
    probability: float = at("top.0.probability")
    top: list[GuessOutput]
    probabilities: tuple[float, ...] = at("prediction.probabilities")
    picture: list[list[int]] | SkipJsonSchema[None] = optional("picture")
    label: int | SkipJsonSchema[None] = optional("prediction.label")
    box: BoxOutput | SkipJsonSchema[None] = optional("prediction.box")


class UnusableProblem(Shown):
    kind: str
    message: str


class UnusableOutput(Shown):
    """A picture that could not be used."""

    file: str
    error: UnusableProblem
    label: int | SkipJsonSchema[None] = optional("label")


class Output(Shown):
    """What `predict --json` prints. `accuracy`, in percent, is over the `n` pictures that have a label."""

    run: Text = at("run.path")
    name: str = at("run.spec.name")
    parameters: int = at("run.spec.plan.parameters")
    accuracy: float | SkipJsonSchema[None] = optional("score.accuracy")
    interval: Annotated[IntervalOutput, by("wilson")] | SkipJsonSchema[None] = optional("score.interval")
    n: int | SkipJsonSchema[None] = optional("score.n")
    files: list[PictureOutput | UnusableOutput]
