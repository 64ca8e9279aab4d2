"""Tells the classes of the images in a CSV file, one per line, as in Kaggle's digit recognizer."""

import csv
import re
from dataclasses import dataclass
from io import StringIO
from os import PathLike, fspath
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinymnist.data.csv_files import Rows, read_rows, square
from tinymnist.errors import DataError
from tinymnist.prediction.classifier import Classifier
from tinymnist.prediction.resized import resized_rows
from tinymnist.prediction.score import LabelledScore
from tinymnist.text import counted, shown
from tinymnist.training import Run, load_run
from tinymnist.training.images import of_run

FORMULA = re.compile(r"\s*(?![-+][0-9]+$)[=+@-].+")
"""Text that a spreadsheet computes when it opens a CSV file; a sign alone, or before a whole number, does no harm."""
TOP = 3
"""Classes that are kept of each row, the most probable first."""


@dataclass(frozen=True, slots=True, eq=False)
class PredictedRows:
    """What a network said of the N images of a file."""

    file: str
    class_names: tuple[str, ...]
    top: NDArray[np.int64]
    """(N, 3), or (N, 2) where there are two classes: places in `class_names`, the most probable first."""
    probabilities: NDArray[np.float64]
    """Of these, from 0 to 1."""
    labels: NDArray[np.int64] | None
    """(N,), places in `class_names`; None where the file has no labels."""

    def __len__(self) -> int:
        return len(self.top)

    @property
    def score(self) -> LabelledScore | None:
        """None where the file has no labels."""
        if self.labels is None:
            return None
        return LabelledScore(int((self.top[:, 0] == self.labels).sum()), len(self))

    def submission(self) -> str:
        """The most probable classes as Kaggle takes them: CSV with the columns `ImageId`, from 1, and `Label`.

        Raises `DataError` where a spreadsheet would compute the name of a class, which may be a stranger's.
        """
        for name in self.class_names:
            if FORMULA.fullmatch(name):
                raise DataError(f"class {shown(name)}: a spreadsheet would take it for a formula: use --json instead")
        text = StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["ImageId", "Label"])
        writer.writerows((row, self.class_names[label]) for row, label in enumerate(self.top[:, 0].tolist(), start=1))
        return text.getvalue()


def predict_rows(run: Run | str | PathLike[str], path: str | PathLike[str], *, device: str = "auto") -> PredictedRows:
    """Predicts every image of a CSV file: one per line, with a column for each pixel and perhaps one named `label`.

    Pixels are taken as they are, as in training. Raises `RunError` where the run cannot be used, `DataError` where it
    or the file is damaged, or the file has images of another size.
    """
    if not isinstance(run, Run):
        run = load_run(run)
    classifier = Classifier(run, device)
    file = Path(path)
    kept = min(TOP, run.spec.classes)
    tops, probabilities, labels = list[NDArray[np.int64]](), list[NDArray[np.float64]](), list[NDArray[np.int64]]()
    for rows in read_rows(file):
        computed = classifier.probabilities(_images(rows, run, file))
        top = np.argsort(-computed, axis=1, kind="stable")[:, :kept]
        tops.append(top)
        probabilities.append(np.take_along_axis(computed, top, axis=1))
        if rows.labels is not None:
            labels.append(_labels(rows, run, file))
    if not sum(map(len, tops)):
        raise DataError(f"{file}: holds no images: add lines of pixels below the first")
    return PredictedRows(
        fspath(path),
        run.class_names,
        np.concatenate(tops),
        np.concatenate(probabilities),
        np.concatenate(labels) if labels else None,
    )


def _images(rows: Rows, run: Run, path: Path) -> NDArray[np.uint8]:
    """(N, H, W), or (N, H, W, 3) in colour: what the network takes. A run whose images were fitted into its size fits
    these too. Raises `DataError`."""
    shape, columns = run.spec.input, rows.pixels.shape[1]
    size = (shape.height, shape.width)
    wanted = shape.height * shape.width
    if columns in (wanted, 3 * wanted):
        given: tuple[int, ...] = size if columns == wanted else (*size, 3)
    elif of_run(run).resize is not None:
        given = square(columns, path)
    else:
        raise DataError(
            f"{path}: has {counted(columns, 'column')} of pixels: {run.path} takes {shape.channels * wanted:,}, "
            f"{shape.height}x{shape.width} pixels{' in colour' if shape.channels == 3 else ''}"
        )
    images = rows.pixels.reshape(-1, *given)
    return resized_rows(images, shape) if len(images) else images


def _labels(rows: Rows, run: Run, path: Path) -> NDArray[np.int64]:
    """The places of the classes: labels are their names where these are numbers, as in training, else their places.

    Raises `DataError` for a label of no class.
    """
    assert rows.labels is not None
    names = run.class_names
    are_numbers = all(name.isascii() and name.isdecimal() for name in names)
    place_of = {name.lstrip("0") or "0" if are_numbers else str(label): label for label, name in enumerate(names)}
    places = [place_of.get(str(label), -1) for label in rows.labels.tolist()]
    if -1 in places:
        at = places.index(-1)
        raise DataError(
            f"{path}: line {rows.lines[at]:,}: label {rows.labels[at]} is none of the classes of {run.path}"
        )
    return np.array(places, np.int64)
