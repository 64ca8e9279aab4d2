"""`tinymnist predict`: read the digits in picture files."""

from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated

import typer

from tinymnist.cli.drawing import drawing
from tinymnist.cli.notices import say_notice
from tinymnist.cli.options import Device, Json, RunPath
from tinymnist.cli.outputs import output
from tinymnist.console import complain, loading_torch, show, show_json
from tinymnist.text import counted, interval_text, printable, table

if TYPE_CHECKING:
    from tinymnist.prediction import Box, LabelledScore, Prediction

TOP = 3
"""Digits shown of each picture, the most probable first."""


def command(
    run_path: RunPath,
    images: Annotated[
        list[str],
        typer.Argument(metavar="IMAGE...", help="PNG, JPEG or WebP files, folders of them, or quoted patterns."),
    ],
    many: Annotated[bool, typer.Option("--many", help="Read every digit in a picture, from left to right.")] = False,
    draw: Annotated[bool, typer.Option("--show", help="Draw what the network saw.")] = False,
    device: Device = "auto",
    as_json: Json = False,
) -> int:
    """Read the digits in pictures.

    A folder whose subfolders are named 0 to 9 is scored. Exit code 0 if all could be used, 1 if some, 2 if none.
    """
    with loading_torch():
        from tinymnist.prediction import Unusable, predict_each, score_labelled
        from tinymnist.training import load_run

    run = load_run(run_path)
    found = predict_each(run, images, many=many, device=device, warn=say_notice)
    score = score_labelled(found)
    unusable = [each for each in found if isinstance(each, Unusable)]
    for each in unusable:
        complain(f"tinymnist: {each.error}")
    if as_json:
        files = [each if isinstance(each, Unusable) else _with_guesses(each, draw) for each in found]
        show_json(output("predict", run=run, score=score, files=files))
    elif len(unusable) < len(found):
        show(_as_text([each for each in found if not isinstance(each, Unusable)], draw))
        if score is not None:
            show(_score_as_text(score))
    return 0 if not unusable else 1 if len(unusable) < len(found) else 2


def _with_guesses(prediction: "Prediction", draw: bool) -> SimpleNamespace:
    top = [{"digit": digit, "probability": prediction.probabilities[digit]} for digit in prediction.top(TOP)]
    return SimpleNamespace(prediction=prediction, top=top, picture=prediction.picture.tolist() if draw else None)


def _as_text(predictions: "list[Prediction]", draw: bool) -> str:
    places = any(each.box for each in predictions)
    heads = ["file", "digit", *(("x", "y", "width", "height") if places else ()), "top three"]
    rows = [
        [printable(each.file), str(each.digit), *_place_as_text(each.box), _top_as_text(each)] for each in predictions
    ]
    title, *lines = table("< > > > > > <" if places else "< > <", [heads, *rows])
    shown = [[line, *(drawing(each.picture) if draw else [])] for line, each in zip(lines, predictions, strict=True)]
    return "\n".join([title, *(line for lines in shown for line in lines)])


def _place_as_text(box: "Box | None") -> list[str]:
    return [] if box is None else [str(number) for number in (box.x, box.y, box.width, box.height)]


def _score_as_text(score: "LabelledScore") -> str:
    low, high = score.interval
    return (
        f"accuracy {score.accuracy:.2f} % of {counted(score.n, 'picture')} in folders named 0 to 9 "
        f"(95 % Wilson interval {interval_text(low, high, 2)})"
    )


def _top_as_text(prediction: "Prediction") -> str:
    return "   ".join(f"{digit} {100 * prediction.probabilities[digit]:5.1f} %" for digit in prediction.top(TOP))
