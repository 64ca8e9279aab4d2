"""The JSON of `runs`."""

from typing import Literal

from tinymnist.cli.outputs.base import Shown, Text, WarningFields, at


class RunOutput(Shown):
    """A run or a series. Accuracy is percent, null before the end; `std` is over the seeds of a series, and
    `stopped_early` is the number of its seeds that stopped before `of_epochs`."""

    run: Text = at("path")
    name: str
    parameters: int
    dataset: str
    scored_on: Literal["test", "validation"]
    seeds: list[int]
    seeds_done: int
    epochs: int
    of_epochs: int
    stopped_early: int
    best_epoch: int | None
    accuracy: float | None
    std: float | None
    warnings: list[WarningFields]


class Output(Shown):
    """What `runs --json` prints."""

    folder: Text
    runs: list[RunOutput]
    damaged: list[str]
