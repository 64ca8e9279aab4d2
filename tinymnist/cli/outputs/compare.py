"""The JSON of `compare`."""

from typing import Annotated, Literal

from tinymnist.cli.outputs.base import IntervalOutput, Shown, Text, WarningFields, at, by


class RunOutput(Shown):
    run: Text = at("run.path")
    name: str = at("run.spec.name")
    parameters: int = at("run.spec.plan.parameters")
    accuracy: float
    n: int
    warnings: list[WarningFields]


class SeriesOutput(Shown):
    run: Text = at("series.path")
    name: str = at("result.name")
    parameters: int = at("result.parameters")
    mean: float = at("summary.mean")
    std: float | None = at("summary.std")
    n: int = at("summary.n")
    warnings: list[WarningFields] = at("result.warnings")


class RunsOutput(Shown):
    """What `compare --json` prints for two runs. Accuracies are percent, differences points."""

    kind: Literal["runs"]
    dataset: str
    scored_on: Literal["test", "validation"]
    a: RunOutput = at("sides.0")
    b: RunOutput = at("sides.1")
    both_right: int = at("both")
    only_a_right: int = at("only_a")
    only_b_right: int = at("only_b")
    difference: float
    interval: Annotated[IntervalOutput, by("agresti-min")]
    test: Literal["mcnemar-exact"]
    p: float
    better: Literal["A", "B"] | None
    conclusion: str


class ManyOutput(Shown):
    """What `compare --json` prints for two series."""

    kind: Literal["series"]
    dataset: str = at("results.0.dataset")
    scored_on: Literal["test", "validation"] = at("results.0.scored_on")
    images: int = at("results.0.images")
    a: SeriesOutput = at("sides.0")
    b: SeriesOutput = at("sides.1")
    difference: float = at("welch.difference")
    interval: Annotated[IntervalOutput | None, by("welch")] = at("welch.interval")
    test: Literal["welch"]
    t: float | None = at("welch.t")
    degrees_of_freedom: float | None = at("welch.degrees_of_freedom")
    p: float | None = at("welch.p")
    better: Literal["A", "B"] | None
    conclusion: str


Output = RunsOutput | ManyOutput
