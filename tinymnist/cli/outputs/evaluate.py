"""The JSON of `evaluate`: `run` is the run, `evaluation` what was found."""

from typing import Annotated

from pydantic.json_schema import SkipJsonSchema

from tinymnist.cli.outputs.base import IntervalOutput, ReachedOutput, Shown, Text, at, by, optional


class ViewsOutput(Shown):
    shifts: int = at("views.shifts")
    turn: float = at("views.turn")
    count: int = at("views.count")
    accuracy: float
    n: int


class Output(Shown):
    """What `evaluate --json` prints. Accuracies and F1 are percent."""

    run: Text = at("run.path")
    name: str = at("run.spec.name")
    parameters: int = at("run.spec.plan.parameters")
    dataset: str = at("evaluation.dataset")
    accuracy: float = at("evaluation.accuracy")
    interval: Annotated[IntervalOutput, by("wilson")] = at("evaluation.interval")
    balanced_accuracy: float = at("evaluation.balanced_accuracy")
    macro_f1: float = at("evaluation.macro_f1")
    n: int = at("evaluation.n")
    loss: float = at("evaluation.loss")
    class_names: tuple[Text, ...] = at("evaluation.class_names")
    accuracy_by_class: tuple[float | None, ...] = at("evaluation.accuracy_by_class")
    confusion: tuple[tuple[int, ...], ...] = at("evaluation.confusion")
    unfinished: ReachedOutput | SkipJsonSchema[None] = optional("evaluation.unfinished")
    views: ViewsOutput | SkipJsonSchema[None] = optional("evaluation.several")
