"""The JSON of `predict`."""

from pydantic.json_schema import SkipJsonSchema

from tinymnist.cli.outputs.base import Shown, Text, at, optional


class GuessOutput(Shown):
    digit: int
    probability: float


class PictureOutput(Shown):
    """A picture that could be read. Probabilities are from 0 to 1; `picture` is with `--show`: rows of grey levels."""

    file: str = at("prediction.file")
    digit: int = at("prediction.digit")
    probability: float = at("top.0.probability")
    top: list[GuessOutput]
    probabilities: tuple[float, ...] = at("prediction.probabilities")
    picture: list[list[int]] | SkipJsonSchema[None] = optional("picture")


class UnusableProblem(Shown):
    kind: str
    message: str


class UnusableOutput(Shown):
    """A picture that could not be used."""

    file: str
    error: UnusableProblem


class Output(Shown):
    """What `predict --json` prints."""

    run: Text = at("run.path")
    name: str = at("run.spec.name")
    parameters: int = at("run.spec.plan.parameters")
    files: list[PictureOutput | UnusableOutput]
