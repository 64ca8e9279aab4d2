"""`tinymnist front`: what networks reach for their parameters, as a table or a picture."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from typing_extensions import TypedDict

from tinymnist.cli.notices import say_notice
from tinymnist.cli.options import Json
from tinymnist.console import say, show, show_json

if TYPE_CHECKING:
    from tinymnist.front import Front


class IntervalOutput(TypedDict):
    low: float
    high: float
    level: int
    method: str


class SeriesOutput(TypedDict):
    name: str
    result: str
    parameters: int
    mean: float
    std: float | None
    n: int
    interval: IntervalOutput | None
    minimum: float
    maximum: float
    on_front: bool


class PublishedOutput(TypedDict):
    parameters: int
    accuracy: float
    std: float | None
    kind: Literal["mean", "one run", "chosen"]
    how: str
    who: str
    source: str


class Output(TypedDict):
    """What `front --json` prints. Accuracies are percent."""

    dataset: str
    scored_on: Literal["test"]
    images: int
    series: list[SeriesOutput]
    published: list[PublishedOutput]


def command(
    results: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RESULT",
            readable=False,
            help="Series, their result.json, or folders that hold some [docs/results].",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", readable=False, help="Draw it here: .svg, .png or .pdf."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what networks reach for their parameters: the series on the front, beside published figures."""
    from tinymnist.front import picture_format, read_front, write_picture

    if output is not None:
        picture_format(output)
    front = read_front(results or (), warn=say_notice)
    if output is not None:
        write_picture(front, output)
        say(f"wrote {output}: {len(front.points)} series, {len(front.best)} on the front")
    if as_json:
        show_json(_as_dict(front))
    elif output is None:
        show(_as_text(front))


def _as_dict(front: "Front") -> Output:
    return {
        "dataset": front.dataset,
        "scored_on": "test",
        "images": front.images,
        "series": [
            {
                "name": point.name,
                "result": str(point.source),
                "parameters": point.parameters,
                "mean": point.summary.mean,
                "std": point.summary.std,
                "n": point.summary.n,
                "interval": _interval(point.summary.interval),
                "minimum": point.summary.minimum,
                "maximum": point.summary.maximum,
                "on_front": on_front,
            }
            for point, on_front in zip(front.points, front.on_front, strict=True)
        ],
        "published": [
            {
                "parameters": each.parameters,
                "accuracy": each.accuracy,
                "std": each.std,
                "kind": each.kind,
                "how": each.how,
                "who": each.who,
                "source": each.source,
            }
            for each in front.published
        ],
    }


def _interval(interval: tuple[float, float] | None) -> IntervalOutput | None:
    return None if interval is None else {"low": interval[0], "high": interval[1], "level": 95, "method": "t"}


def _as_text(front: "Front") -> str:
    width = max(len("name"), *(len(point.name) for point in front.points))
    lines = [
        f"on {front.scored_on}, after the last epoch",
        f"{'name':{width}}  parameters  mean %   std     n  95 % interval   front",
    ]
    for point, on_front in zip(front.points, front.on_front, strict=True):
        summary = point.summary
        std = "" if summary.std is None else f"{summary.std:.2f}"
        interval = "" if summary.interval is None else "{:.2f} to {:.2f}".format(*summary.interval)
        mark = "yes" if on_front else "no"
        lines.append(
            f"{point.name:{width}}  {point.parameters:>10,}  {summary.mean:>6.2f}  {std:>4}  {summary.n:>4}  "
            f"{interval:14}  {mark}"
        )
    if front.published:
        lines += ["", "published, each with its source under --json", "parameters  accuracy        who, and how"]
    for each in front.published:
        lines.append(f"{each.parameters:>10,}  {each.figures:14}  {each.who}: {each.how}")
    return "\n".join(lines)
