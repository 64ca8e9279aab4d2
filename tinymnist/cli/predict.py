"""`tinymnist predict`: read the digits in picture files."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typing_extensions import NotRequired, TypedDict

from tinymnist.cli.options import Device, Json
from tinymnist.console import say, show, show_json
from tinymnist.text import printable

if TYPE_CHECKING:
    from tinymnist.prediction import Picture, Prediction, Unusable
    from tinymnist.training import Run

TOP = 3
BLOCKS = " ▀▄█"
"""Two pixels above each other: none, the upper, the lower, both."""
ASCII = " .:-=+*#%@"
"""Two pixels above each other, by how much ink they have."""
INKED = 96
"""Grey level from which a half block is set."""


class GuessOutput(TypedDict):
    digit: int
    probability: float


class PictureOutput(TypedDict):
    """A picture that could be read. Probabilities are from 0 to 1; `picture` is with `--show`: rows of grey levels."""

    file: str
    digit: int
    probability: float
    top: list[GuessOutput]
    probabilities: tuple[float, ...]
    picture: NotRequired[list[list[int]]]


class UnusableProblem(TypedDict):
    kind: str
    message: str


class UnusableOutput(TypedDict):
    """A picture that could not be used."""

    file: str
    error: UnusableProblem


class Output(TypedDict):
    """What `predict --json` prints."""

    run: str
    name: str
    parameters: int
    files: list[PictureOutput | UnusableOutput]


def command(
    run_path: Annotated[
        Path, typer.Argument(metavar="RUN", readable=False, help="A run, or the name of a network in `list`.")
    ],
    images: Annotated[
        list[str], typer.Argument(metavar="IMAGE...", help="PNG or JPEG files, folders of them, or quoted patterns.")
    ],
    draw: Annotated[bool, typer.Option("--show", help="Draw what the network saw.")] = False,
    device: Device = "auto",
    as_json: Json = False,
) -> int:
    """Read the digits in pictures: exit 0 if all could be used, 1 if some, 2 if none."""
    from tinymnist.prediction import Prediction, Unusable, predict_each
    from tinymnist.training import load_run

    run = load_run(run_path)
    found = predict_each(run, images, device=device)
    unusable = [each for each in found if isinstance(each, Unusable)]
    for each in unusable:
        say(f"tinymnist: {each.error}")
    if as_json:
        show_json(_as_dict(run, found, draw))
    elif len(unusable) < len(found):
        show(_as_text([each for each in found if isinstance(each, Prediction)], draw))
    return 0 if not unusable else 1 if len(unusable) < len(found) else 2


def _as_dict(run: "Run", found: "list[Prediction | Unusable]", draw: bool) -> Output:
    return {
        "run": str(run.path),
        "name": run.spec.name,
        "parameters": run.spec.plan.parameters,
        "files": [_file_as_dict(each, draw) for each in found],
    }


def _file_as_dict(each: "Prediction | Unusable", draw: bool) -> PictureOutput | UnusableOutput:
    from tinymnist.prediction import Unusable

    if isinstance(each, Unusable):
        return {"file": each.file, "error": {"kind": each.error.kind, "message": str(each.error)}}
    content: PictureOutput = {
        "file": each.file,
        "digit": each.digit,
        "probability": each.probabilities[each.digit],
        "top": [{"digit": digit, "probability": each.probabilities[digit]} for digit in each.top(TOP)],
        "probabilities": each.probabilities,
    }
    if draw:
        content["picture"] = each.picture.tolist()
    return content


def _as_text(predictions: "list[Prediction]", draw: bool) -> str:
    names = [printable(each.file) for each in predictions]
    width = max(len("file"), *map(len, names))
    lines = [f"{'file':{width}}  digit  top three"]
    for name, each in zip(names, predictions, strict=True):
        top = "   ".join(f"{digit} {100 * each.probabilities[digit]:5.1f} %" for digit in each.top(TOP))
        lines.append(f"{name:{width}}  {each.digit:>5}  {top}")
        if draw:
            lines += _drawing(each.picture)
    return "\n".join(lines)


def _drawing(picture: "Picture") -> list[str]:
    """Two rows of pixels a line: in half blocks, or in plain characters where the terminal has no others."""
    rows = picture.tolist()
    cell = _block if _prints(BLOCKS) else _shade
    return ["".join(map(cell, upper, lower)).rstrip() for upper, lower in zip(rows[::2], rows[1::2], strict=True)]


def _block(upper: int, lower: int) -> str:
    return BLOCKS[(upper >= INKED) + 2 * (lower >= INKED)]


def _shade(upper: int, lower: int) -> str:
    return ASCII[(upper + lower) * (len(ASCII) - 1) // 510]


def _prints(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
