"""`tinymnist predict RUN test.csv`: the class of each row of pixels, printed, or written as Kaggle takes it."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

from tinymnist.cli.outputs import output
from tinymnist.cli.predict_answers import Top, accuracy_text, answer_cells, answer_titles, guesses, say_if_trained_on
from tinymnist.console import show, show_json
from tinymnist.errors import UsageError
from tinymnist.text import counted, table

if TYPE_CHECKING:
    from tinymnist.prediction import PredictedRows
    from tinymnist.training import Run

SUFFIX = ".csv"


def csv_among(images: Sequence[str], submission: Path | None, for_pictures: Mapping[str, bool]) -> str | None:
    """The `.csv` file that the IMAGE arguments name, if they do. Raises `UsageError` for what does not go with one, or
    only goes with one."""
    csv = next((each for each in images if each.lower().endswith(SUFFIX) and not os.path.isdir(each)), None)
    if csv is None:
        if submission is not None:
            raise UsageError(f"--output {submission}: expects one .csv file of pixels; for pictures there is --json")
        return None
    if len(images) > 1:
        raise UsageError(f"{csv}: a .csv file is predicted on its own: name nothing else beside it")
    for option, given in for_pictures.items():
        if given:
            raise UsageError(f"{option}: is for pictures, not for a .csv file: leave it out")
    if submission is not None and submission.suffix.lower() != SUFFIX:
        raise UsageError(f"--output {submission}: expects the name of a .csv file, as in {submission.stem}.csv")
    if submission is not None and os.path.lexists(submission):
        raise UsageError(f"--output {submission}: already exists: choose another name")
    return csv


def predict_csv(run: "Run", csv: str, submission: Path | None, device: str, as_json: bool) -> int:
    """Predicts the rows, and writes or prints their classes. Returns the exit code."""
    from tinymnist.files import write_atomically
    from tinymnist.prediction import predict_rows

    found = predict_rows(run, csv, device=device)
    if submission is not None:
        write_atomically(submission, found.submission())
    if as_json:
        show_json(output("predict", _as_result(run, found, submission)))
        return 0
    show(f"wrote {submission}: {counted(len(found), 'row')}" if submission else _as_text(run, found))
    if found.score is not None:
        show(accuracy_text(found.score, f"{counted(found.score.n, 'row')} with a label"))
        say_if_trained_on(run, [csv])
    return 0


def _tops(found: "PredictedRows") -> list[Top]:
    pairs = zip(found.top.tolist(), found.probabilities.tolist(), strict=True)
    return [list(zip(labels, probabilities, strict=True)) for labels, probabilities in pairs]


def _as_text(run: "Run", found: "PredictedRows") -> str:
    *titles, align = answer_titles(run)
    rows = [[f"{row:,}", *cells] for row, cells in enumerate(answer_cells(run, _tops(found)), start=1)]
    return "\n".join(table(f"> {align} <", [["row", *titles], *rows]))


def _as_result(run: "Run", found: "PredictedRows", submission: Path | None) -> SimpleNamespace:
    return SimpleNamespace(
        run=run,
        score=found.score,
        file=found.file,
        images=len(found),
        rows=_rows(found) if submission is None else None,
        output=None if submission is None else str(submission),
    )


def _rows(found: "PredictedRows") -> list[SimpleNamespace]:
    names = found.class_names
    labels = [None] * len(found) if found.labels is None else found.labels.tolist()
    return [
        SimpleNamespace(
            row=row,
            top=guesses(names, top),
            label=label,
            true_class=None if label is None else names[label],
        )
        for row, (top, label) in enumerate(zip(_tops(found), labels, strict=True), start=1)
    ]
