"""`tinymnist front`: what networks reach for their parameters, as a table or a picture."""

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated

import typer

from tinymnist.cli.matplotlib_folder import use_own_folder
from tinymnist.cli.notices import say_notice
from tinymnist.cli.options import Json
from tinymnist.cli.outputs import output
from tinymnist.console import complain_of, say, show, show_json, width
from tinymnist.text import fitted_table, interval_text

if TYPE_CHECKING:
    from tinymnist.front import Front, Point


def command(
    results: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RESULT",
            readable=False,
            help="Series, their result.json, or folders that hold some.",
        ),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", readable=False, help="Draw it to this file: .svg, .png or .pdf."),
    ] = None,
    alone: Annotated[
        bool, typer.Option("--alone", help="Leave out the series of tinymnist and published figures.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Show accuracy against parameters, and the Pareto front.

    Shows your series of runs beside those that come with tinymnist and published figures. Exit code 1 if some results
    are damaged and left out.
    """
    from tinymnist.front import picture_format, read_front, write_picture

    if picture is not None:
        use_own_folder()
        picture_format(picture)
    front = read_front(results or (), alone=alone, warn=say_notice)
    if picture is not None:
        write_picture(front, picture)
        say(f"wrote {picture}: {len(front.points)} series, {len(front.best)} on the front")
    if as_json:
        series = [SimpleNamespace(point=point, on_front=on_front) for point, on_front in _points(front)]
        show_json(output("front", front=front, scored_on="test", series=series))
    elif picture is None:
        show(_as_text(front))
    return complain_of(front.damaged)


def _points(front: "Front") -> "list[tuple[Point, bool]]":
    return list(zip(front.points, front.on_front, strict=True))


def _as_text(front: "Front") -> str:
    titles = ["name", "parameters", "mean %", "std", "n", "95 % interval", "front"]
    rows = [_cells(point, on_front) for point, on_front in _points(front)]
    lines = [
        f"on {front.scored_on}, after the last epoch",
        *fitted_table("< > > >4 >4 <14 <", [titles, *rows], width()),
    ]
    if front.published:
        titles = ["parameters", "accuracy", "who, and how"]
        figures = [[f"{each.parameters:,}", each.figures, f"{each.who}: {each.how}"] for each in front.published]
        lines += [
            "",
            "published, each with its source under --json",
            *fitted_table("> <14 <", [titles, *figures], width()),
        ]
    return "\n".join(lines)


def _cells(point: "Point", on_front: bool) -> list[str]:
    summary = point.summary
    std = "" if summary.std is None else f"{summary.std:.2f}"
    interval = "" if summary.interval is None else interval_text(*summary.interval, 2).removesuffix(" %")
    figures = [f"{point.parameters:,}", f"{summary.mean:.2f}", std, str(summary.n), interval]
    return [point.name, *figures, "yes" if on_front else "no"]
