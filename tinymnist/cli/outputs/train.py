"""The JSON of `train`: what `result.json` of a run or of a series holds, and with `--target` a verdict."""

from typing import Literal

from tinymnist.cli.outputs.base import Shown
from tinymnist.training.records import Result, SeriesResult


class MeanVerdict(Shown):
    """Whether the mean over seeds is above the target."""

    outcome: Literal["pass", "fail", "inconclusive"]
    target: float
    more_seeds: int | None


class LastEpochs(Shown):
    """Whether each of the last epochs is above the target."""

    outcome: Literal["pass", "fail"]
    target: float
    last: int
    passed: int
    n: int
    lowest: float
    lowest_seed: int
    lowest_epoch: int


VerdictOutput = MeanVerdict | LastEpochs


class RunOutput(Result):
    """A run; `diagnosis` has a sentence for each thing that went wrong, with its figures."""

    diagnosis: list[str]
    verdict: VerdictOutput | None = None


class SeriesOutput(SeriesResult):
    """A series; `diagnosis` is that of a run."""

    diagnosis: list[str]
    verdict: VerdictOutput | None = None


Output = RunOutput | SeriesOutput
