"""The JSON of `report`."""

from pydantic.json_schema import SkipJsonSchema

from tinymnist.cli.outputs.base import ReachedOutput, Shown, Text, WarningFields, at, optional


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


class Output(Shown):
    """What `report --json` prints: the files written."""

    output: Text = at("report.page")
    runs: list[RunOutput]
    pictures: list[Text] = at("report.pictures")
    damaged: list[Text] = at("report.damaged")
    """What is wrong with each run that was left out."""
