"""The answers of `tinymnist predict`, for pictures and for rows alike."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinymnist.cli.notices import say_notice
from tinymnist.data.catalogue import DATASETS
from tinymnist.notices import TrainingPicturesRead
from tinymnist.text import interval_text, printable

if TYPE_CHECKING:
    from tinymnist.prediction import LabelledScore
    from tinymnist.training import Run

TOP = 3
"""Classes shown of each picture, the most probable first."""

Top = Sequence[tuple[int, float]]
"""The places of the most probable classes, and their probabilities."""


def answer_titles(run: "Run") -> tuple[str, str, str]:
    """The titles of the columns that `answer_cells` fills, and how the first of them is aligned."""
    from tinymnist.prediction import reads_digits

    answer, align = ("digit", ">") if reads_digits(run) else ("class", "<")
    return answer, "top three" if run.spec.classes >= TOP else "top two", align


def answer_cells(run: "Run", tops: Iterable[Top]) -> list[tuple[str, str]]:
    """The most probable class, and how probable each of the first three is, one below the other."""
    named = [[(printable(run.class_names[label]), probability) for label, probability in top] for top in tops]
    widths = [max(len(name) for name, _ in column) for column in zip(*named, strict=True)]
    cells = [
        [f"{name:<{width}} {100 * probability:5.1f} %" for (name, probability), width in zip(top, widths, strict=True)]
        for top in named
    ]
    return [(top[0][0], "   ".join(each)) for top, each in zip(named, cells, strict=True)]


def guesses(class_names: Sequence[str], top: Top) -> list[dict[str, Any]]:
    """The same for JSON; `digit` is None where the classes are not digits."""
    from tinymnist.prediction import DIGITS

    are_digits = tuple(class_names) == DIGITS
    return [
        {"class_name": class_names[label], "digit": label if are_digits else None, "probability": probability}
        for label, probability in top
    ]


def accuracy_text(score: "LabelledScore", of: str) -> str:
    low, high = score.interval
    return f"accuracy {score.accuracy:.2f} % of {of} (95 % Wilson interval {interval_text(low, high, 2)})"


def named_by(run: "Run") -> str:
    """How folders are named that are scored."""
    from tinymnist.prediction import reads_digits

    return "0 to 9" if reads_digits(run) else "by their classes"


def say_if_trained_on(run: "Run", files: Iterable[str]) -> None:
    """Says how many of the files lie in the data set that the run was trained on, or are that data set."""
    dataset = run.environment.dataset
    if dataset in DATASETS:
        return
    root = Path(dataset).resolve()
    if inside := sum(Path(file).resolve().is_relative_to(root) for file in files):
        say_notice(TrainingPicturesRead(inside, dataset))
