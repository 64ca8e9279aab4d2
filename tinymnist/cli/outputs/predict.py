"""The JSON of `predict`."""

from typing import Annotated

from pydantic.json_schema import SkipJsonSchema

from tinymnist.cli.outputs.base import IntervalOutput, Shown, Text, at, by, optional


class GuessOutput(Shown):
    """`digit` is there where the classes are 0 to 9."""

    class_name: str
    digit: int | SkipJsonSchema[None] = optional("digit")
    probability: float


class BoxOutput(Shown):
    """Pixels of the picture, from its left top corner."""

    x: int
    y: int
    width: int
    height: int


class PictureOutput(Shown):
    """A picture that could be read, or with `--many` one character in it. Probabilities are from 0 to 1, in the order
    of `class_names`; `digit` is there where the classes are 0 to 9; `picture` is with `--show`: rows of grey levels, or
    of red, green and blue; `label` is the place in `class_names` of the class that the folder names, and `true_class`
    that class; `box` is with `--many`."""

    file: str = at("prediction.file")
    class_name: str = at("prediction.class_name")
    digit: int | SkipJsonSchema[None] = optional("prediction.digit")
    probability: float = at("top.0.probability")
    top: list[GuessOutput]
    probabilities: tuple[float, ...] = at("prediction.probabilities")
    picture: list[list[int]] | list[list[list[int]]] | SkipJsonSchema[None] = optional("picture")
    label: int | SkipJsonSchema[None] = optional("prediction.label")
    true_class: str | SkipJsonSchema[None] = optional("prediction.true_class")
    box: BoxOutput | SkipJsonSchema[None] = optional("prediction.box")


class UnusableProblem(Shown):
    kind: str
    message: str


class UnusableOutput(Shown):
    """A picture that could not be used."""

    file: str
    error: UnusableProblem
    label: int | SkipJsonSchema[None] = optional("label")
    true_class: str | SkipJsonSchema[None] = optional("true_class")


class RowOutput(Shown):
    """One image of a `.csv` file; `row` counts from 1. `label` is the place in `class_names` of the class that the file
    names, and `true_class` that class."""

    row: int
    class_name: str = at("top.0.class_name")
    digit: int | SkipJsonSchema[None] = optional("top.0.digit")
    probability: float = at("top.0.probability")
    top: list[GuessOutput]
    label: int | SkipJsonSchema[None] = optional("label")
    true_class: str | SkipJsonSchema[None] = optional("true_class")


class _Shared(Shown):
    run: Text = at("run.path")
    name: str = at("run.spec.name")
    parameters: int = at("run.spec.plan.parameters")
    class_names: tuple[str, ...] = at("run.class_names")
    accuracy: float | SkipJsonSchema[None] = optional("score.accuracy")
    interval: Annotated[IntervalOutput, by("wilson")] | SkipJsonSchema[None] = optional("score.interval")
    n: int | SkipJsonSchema[None] = optional("score.n")


class PicturesOutput(_Shared):
    """What `predict --json` prints of pictures. `accuracy`, in percent, is over the `n` pictures that have a label."""

    files: list[PictureOutput | UnusableOutput]


class RowsOutput(_Shared):
    """What `predict --json` prints of a `.csv` file: its `images`, one by one in `rows`, or with `--output` the file
    that they are written to. `accuracy`, in percent, is there where the file has labels."""

    file: str
    images: int
    rows: list[RowOutput] | SkipJsonSchema[None] = optional("rows")
    output: str | SkipJsonSchema[None] = optional("output")


Output = PicturesOutput | RowsOutput
