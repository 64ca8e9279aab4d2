"""The JSON of `report`: about runs, or about a study."""

from operator import attrgetter
from typing import Annotated

from pydantic import BeforeValidator
from pydantic.json_schema import SkipJsonSchema

from tinymnist.cli.outputs.base import ReachedOutput, Shown, Text, WarningFields, at, optional
from tinymnist.search.records import Finalist, Winner


class NetworkOutput(Shown):
    """The network whose mistakes and filters are shown, on the images that the page shows. Accuracies and F1 are
    percent."""

    seed: int
    dataset: str = at("network.evaluation.dataset")
    scored_on: str = at("network.scored_on")
    accuracy: float = at("network.evaluation.accuracy")
    balanced_accuracy: float = at("network.evaluation.balanced_accuracy")
    macro_f1: float = at("network.evaluation.macro_f1")
    n: int = at("network.evaluation.n")
    wrong: int = at("network.wrong")
    loss: float = at("network.evaluation.loss")


class RunOutput(Shown):
    """A run or series on the page; a series that holds no runs shows no network."""

    run: str = at("entry.path")
    label: str = at("entry.label")
    name: str = at("entry.spec.name")
    parameters: int = at("entry.spec.plan.parameters")
    seeds: list[int] = at("entry.seeds")
    unfinished: ReachedOutput | SkipJsonSchema[None] = optional("entry.network.evaluation.unfinished")
    network: NetworkOutput | None
    warnings: list[WarningFields] = at("entry.warnings")


class RunsOutput(Shown):
    """A page about runs: the files written."""

    output: Text = at("report.page")
    runs: list[RunOutput]
    pictures: list[Text] = at("report.pictures")
    damaged: list[Text] = at("report.damaged")
    """What is wrong with each run that was left out."""


Count = Annotated[int, BeforeValidator(len)]
TrialNumber = Annotated[int, BeforeValidator(attrgetter("number"))]


class TrialOutput(Shown):
    """A network that was tried, after its longest training so far, on the held-out images. Accuracy is percent."""

    trial: int = at("number")
    state: str
    parameters: int
    macs: int
    epochs: int = at("last.epochs")
    accuracy: float = at("last.accuracy")
    loss: float = at("last.loss")
    values: dict[str, int | float | str]


class ImportanceOutput(Shown):
    """By axis, its share of the differences after the first training; empty where nothing can be said."""

    trials: int
    shares: dict[str, float]


class StudyOutput(Shown):
    """A page about a study, finished or not: the files written, and its figures. `epochs` and `seconds` are those of
    all trainings together."""

    output: Text = at("report.page")
    study: Text = at("contents.study.path")
    name: str = at("contents.study.file.search.name")
    finished: bool = at("contents.study.finished")
    trials: Count = at("contents.trials")
    of_trials: int = at("contents.study.file.search.trials")
    trainings: Count = at("contents.ended")
    epochs: int = at("contents.epochs")
    seconds: float = at("contents.seconds")
    best: list[TrialOutput] = at("contents.best")
    """Best first, ten at most."""
    front: list[TrialNumber] = at("contents.front")
    """Numbers of the trials that no other beats in accuracy or loss, parameters and multiply-adds."""
    importance: ImportanceOutput = at("contents.importance")
    finalists: list[Finalist] = at("contents.finalists")
    winners: list[Winner] = at("contents.winners")
    pictures: list[Text] = at("report.pictures")


Output = RunsOutput | StudyOutput
