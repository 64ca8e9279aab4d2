"""The JSON of `front`."""

from typing import Annotated, Literal

from tinymnist.cli.outputs.base import IntervalOutput, Shown, Text, at, by


class SeriesOutput(Shown):
    name: str = at("point.name")
    result: Text = at("point.source")
    parameters: int = at("point.parameters")
    mean: float = at("point.summary.mean")
    std: float | None = at("point.summary.std")
    n: int = at("point.summary.n")
    interval: Annotated[IntervalOutput | None, by("t")] = at("point.summary.interval")
    minimum: float = at("point.summary.minimum")
    maximum: float = at("point.summary.maximum")
    on_front: bool
    packaged: bool = at("point.packaged")


class PublishedOutput(Shown):
    parameters: int
    accuracy: float
    std: float | None
    kind: Literal["mean", "one run", "chosen"]
    how: str
    who: str
    source: str


class Output(Shown):
    """What `front --json` prints. Accuracies are percent."""

    dataset: str = at("front.dataset")
    scored_on: Literal["test"]
    images: int = at("front.images")
    series: list[SeriesOutput]
    published: list[PublishedOutput] = at("front.published")
    damaged: list[Text] = at("front.damaged")
    """What is wrong with each result that was left out."""
