"""`tinymnist compare`: whether one of two runs, or of two series of runs, is better."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Union

import typer
from typing_extensions import TypedDict

from tinymnist.cli.notices import say_notice
from tinymnist.cli.options import DataDir, Dataset, Device, Json
from tinymnist.console import show, show_json
from tinymnist.text import images_text

if TYPE_CHECKING:
    from tinymnist.comparison import RunComparison, SeriesComparison


class IntervalOutput(TypedDict):
    low: float
    high: float
    level: int
    method: str


class RunOutput(TypedDict):
    run: str
    name: str
    parameters: int
    accuracy: float
    n: int


class SeriesOutput(TypedDict):
    run: str
    name: str
    parameters: int
    mean: float
    std: float | None
    n: int


class _Conclusion(TypedDict):
    better: Literal["A", "B"] | None
    conclusion: str


class RunsOutput(_Conclusion):
    """What `compare --json` prints for two runs. Accuracies are percent, differences points."""

    kind: Literal["runs"]
    dataset: str
    scored_on: Literal["test", "validation"]
    a: RunOutput
    b: RunOutput
    both_right: int
    only_a_right: int
    only_b_right: int
    difference: float
    interval: IntervalOutput
    test: Literal["mcnemar-exact"]
    p: float


class ManyOutput(_Conclusion):
    """What `compare --json` prints for two series."""

    kind: Literal["series"]
    dataset: str
    scored_on: Literal["test", "validation"]
    images: int
    a: SeriesOutput
    b: SeriesOutput
    difference: float
    interval: IntervalOutput | None
    test: Literal["welch"]
    t: float | None
    degrees_of_freedom: float | None
    p: float | None


Output = Union[RunsOutput, ManyOutput]  # noqa: UP007 - on Python 3.10 these know no `|`


def command(
    run_a: Annotated[
        Path, typer.Argument(metavar="RUN", readable=False, help="A run, a series, or the name of a network in `list`.")
    ],
    run_b: Annotated[Path, typer.Argument(metavar="RUN", readable=False, help="Another of its kind.")],
    dataset: Dataset = None,
    data_dir: DataDir = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Show the difference of two runs on the same images, or of two series over their seeds, and what it means."""
    from tinymnist.comparison import RunComparison, compare

    found = compare(run_a, run_b, dataset=dataset, data_dir=data_dir, device=device, warn=say_notice)
    if as_json:
        show_json(_runs_as_dict(found) if isinstance(found, RunComparison) else _series_as_dict(found))
    else:
        show(_runs_as_text(found) if isinstance(found, RunComparison) else _series_as_text(found))


def _runs_as_dict(found: "RunComparison") -> RunsOutput:
    a, b = (
        RunOutput(
            run=str(run.path),
            name=run.spec.name,
            parameters=run.spec.plan.parameters,
            accuracy=accuracy,
            n=found.n,
        )
        for run, accuracy in zip((found.a, found.b), found.accuracies, strict=True)
    )
    return {
        "kind": "runs",
        "dataset": found.dataset,
        "scored_on": found.scored_on,
        "a": a,
        "b": b,
        "both_right": found.both,
        "only_a_right": found.only_a,
        "only_b_right": found.only_b,
        "difference": found.difference,
        "interval": _interval(found.interval, "agresti-min"),
        "test": "mcnemar-exact",
        "p": found.p,
        "better": found.better,
        "conclusion": found.conclusion,
    }


def _runs_as_text(found: "RunComparison") -> str:
    from tinymnist.comparison import p_text

    low, high = found.interval
    sides = [
        f"{side}  {accuracy:.2f} %  {run.spec.name}, {run.spec.plan.parameters:,} parameters, {run.path}"
        for side, run, accuracy in zip("AB", (found.a, found.b), found.accuracies, strict=True)
    ]
    return "\n".join(
        [
            f"on {images_text(found.n, found.scored_on, found.dataset)}",
            *sides,
            f"only A reads {found.only_a:,} right, only B {found.only_b:,} (McNemar's exact test: {p_text(found.p)})",
            f"difference A - B: {found.difference:+.2f} points (95 % Agresti-Min interval {low:+.2f} to {high:+.2f})",
            found.conclusion,
            "(this holds for these two networks; recipes or architectures are compared as series of several seeds)",
        ]
    )


def _series_as_dict(found: "SeriesComparison") -> ManyOutput:
    a, b = (
        SeriesOutput(
            run=str(series.path),
            name=result.name,
            parameters=result.parameters,
            mean=summary.mean,
            std=summary.std,
            n=summary.n,
        )
        for series, result, summary in zip((found.a, found.b), found.results, found.summaries, strict=True)
    )
    result = found.results[0]
    return {
        "kind": "series",
        "dataset": result.dataset,
        "scored_on": result.scored_on,
        "images": result.images,
        "a": a,
        "b": b,
        "difference": found.welch.difference,
        "interval": None if found.welch.interval is None else _interval(found.welch.interval, "welch"),
        "test": "welch",
        "t": found.welch.t,
        "degrees_of_freedom": found.welch.degrees_of_freedom,
        "p": found.welch.p,
        "better": found.better,
        "conclusion": found.conclusion,
    }


def _series_as_text(found: "SeriesComparison") -> str:
    from tinymnist.comparison import images_of, p_text

    lines = [f"on {images_of(found.results[0])}"]
    for side, series, result, summary in zip("AB", (found.a, found.b), found.results, found.summaries, strict=True):
        lines.append(
            f"{side}  {summary.mean:.2f} ± {summary.std:.2f} % (n {summary.n})  {result.name}, "
            f"{result.parameters:,} parameters, {series.path}"
        )
    welch = found.welch
    line = f"difference A - B: {welch.difference:+.2f} points"
    if welch.interval is not None and welch.p is not None:
        low, high = welch.interval
        line += (
            f" (95 % interval {low:+.2f} to {high:+.2f}; Welch's t {welch.t:.2f} with "
            f"{welch.degrees_of_freedom:.1f} degrees of freedom, {p_text(welch.p)})"
        )
    epochs = [result.epochs for result in found.results]
    note = [] if epochs[0] == epochs[1] else [f"(A was trained for {epochs[0]} epochs, B for {epochs[1]})"]
    return "\n".join([*lines, line, found.conclusion, *note])


def _interval(interval: tuple[float, float], method: str) -> IntervalOutput:
    low, high = interval
    return {"low": low, "high": high, "level": 95, "method": method}
