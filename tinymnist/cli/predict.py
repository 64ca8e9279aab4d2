"""`tinymnist predict`: tell what pictures show."""

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated

import typer

from tinymnist.cli.drawing import drawing
from tinymnist.cli.notices import say_notice
from tinymnist.cli.options import Device, Json, RunPath
from tinymnist.cli.outputs import output
from tinymnist.cli.predict_answers import (
    TOP,
    accuracy_text,
    answer_cells,
    answer_titles,
    guesses,
    named_by,
    say_if_trained_on,
)
from tinymnist.cli.predict_rows import csv_among, predict_csv
from tinymnist.console import complain, loading_torch, show, show_json
from tinymnist.text import counted, printable, table

if TYPE_CHECKING:
    from tinymnist.prediction import Box, Prediction
    from tinymnist.training import Run


def command(
    run_path: RunPath,
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE...",
            help="PNG, JPEG or WebP files, folders of them, or quoted patterns; or one .csv file of pixels.",
        ),
    ],
    many: Annotated[
        bool, typer.Option("--many", help="Read every digit or letter in a picture, from left to right.")
    ] = False,
    draw: Annotated[bool, typer.Option("--show", help="Draw what the network saw.")] = False,
    submission: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="FILE.csv",
            readable=False,
            help="Write the classes of a .csv file as ImageId,Label; never over another file.",
        ),
    ] = None,
    device: Device = "auto",
    as_json: Json = False,
) -> int:
    """Tell which digits or other classes pictures show.

    A folder whose subfolders are named by the classes is scored, and so is a .csv file with a column named label. Exit
    code 0 if all could be used, 1 if some, 2 if none.
    """
    csv = csv_among(images, submission, {"--many": many, "--show": draw})
    with loading_torch():
        from tinymnist.prediction import Unusable, predict_each, score_labelled
        from tinymnist.training import load_run

    run = load_run(run_path)
    if csv is not None:
        return predict_csv(run, csv, submission, device, as_json)
    found = predict_each(run, images, many=many, device=device, warn=say_notice)
    score = score_labelled(found)
    unusable = [each for each in found if isinstance(each, Unusable)]
    for each in unusable:
        complain(f"tinymnist: {each.error}")
    if as_json:
        files = [each if isinstance(each, Unusable) else _with_guesses(each, draw) for each in found]
        show_json(output("predict", run=run, score=score, files=files))
    elif len(unusable) < len(found):
        show(_as_text(run, [each for each in found if not isinstance(each, Unusable)], draw))
        if score is not None:
            show(accuracy_text(score, f"{counted(score.n, 'picture')} in folders named {named_by(run)}"))
            say_if_trained_on(run, (each.file for each in found))
    return 0 if not unusable else 1 if len(unusable) < len(found) else 2


def _with_guesses(prediction: "Prediction", draw: bool) -> SimpleNamespace:
    return SimpleNamespace(
        prediction=prediction,
        top=guesses(prediction.class_names, _top(prediction)),
        picture=prediction.picture.tolist() if draw else None,
    )


def _top(prediction: "Prediction") -> list[tuple[int, float]]:
    return [(label, prediction.probabilities[label]) for label in prediction.top(TOP)]


def _as_text(run: "Run", predictions: "list[Prediction]", draw: bool) -> str:
    places = any(each.box for each in predictions)
    answer, top, align = answer_titles(run)
    heads = ["file", answer, *(("x", "y", "width", "height") if places else ()), top]
    rows = [
        [printable(each.file), name, *_place_as_text(each.box), first]
        for each, (name, first) in zip(predictions, answer_cells(run, map(_top, predictions)), strict=True)
    ]
    title, *lines = table(f"< {align}{' > > > >' if places else ''} <", [heads, *rows])
    shaded = run.prepare != "mnist"
    shown = [
        [line, *(drawing(each.picture, shaded) if draw else [])] for line, each in zip(lines, predictions, strict=True)
    ]
    return "\n".join([title, *(line for lines in shown for line in lines)])


def _place_as_text(box: "Box | None") -> list[str]:
    return [] if box is None else [str(number) for number in (box.x, box.y, box.width, box.height)]
