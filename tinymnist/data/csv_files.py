"""Data sets as CSV, one image per line: a column `label`, and one column per pixel (Kaggle's digit recognizer)."""

import csv
import math
import re
import warnings
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from tinymnist.data.as_read import AsRead, Part
from tinymnist.data.image_set import MAX_CLASSES, SplitName
from tinymnist.errors import DataError
from tinymnist.files import refuse_unreadable
from tinymnist.quiet import own_warning_filters
from tinymnist.text import shown

FILES: dict[SplitName, str] = {"train": "train.csv", "test": "test.csv", "val": "val.csv"}
"""What the files of a folder are called."""
LABEL = "label"
LINES_AT_ONCE = 4096
WHOLE = re.compile(r" *[0-9]{1,9} *")

Line = tuple[int, str]
"""Its number in the file, from 1, and its text."""
Table = NDArray[np.int32]


def read_csv(path: Path) -> AsRead:
    """Reads a file, or a folder of `train.csv` and, if there are any, `test.csv` and `val.csv`. Raises `DataError`."""
    if not path.is_dir():
        return AsRead({"train": _read(path)})
    return AsRead({split: _read(path / name) for split, name in FILES.items() if (path / name).exists()})


def _read(path: Path) -> Part:
    refuse_unreadable(path)
    try:
        with path.open(encoding="utf-8-sig") as stream:
            head = [title.strip() for title in next(csv.reader([stream.readline()]), [])]
            return _part(stream, head, path)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: is not CSV in UTF-8 ({shown(str(error))[1:-1]}): save it as such") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None


def _part(stream: TextIO, head: Sequence[str], path: Path) -> Part:
    if head.count(LABEL) != 1:
        raise DataError(f"{path}: its first line names no column '{LABEL}': expects {LABEL},pixel0,pixel1,...")
    at, shape = head.index(LABEL), _shape(len(head) - 1, path)
    pixels, labels, origins = [np.empty((0, *shape), np.uint8)], [np.empty(0, np.int64)], list[str]()
    numbered = ((number, text) for number, text in enumerate(stream, start=2) if text.strip())
    while some := list(islice(numbered, LINES_AT_ONCE)):
        table = _table(some, head, path)
        pixels.append(np.delete(table, at, axis=1).astype(np.uint8).reshape(-1, *shape))
        labels.append(table[:, at].astype(np.int64))
        origins += [f"{path.name}:{number}" for number, _ in some]
    return Part(np.concatenate(pixels), np.concatenate(labels), origins)


def _shape(count: int, path: Path) -> tuple[int, ...]:
    """The shape of an image with so many columns: square, grey or with three numbers per pixel."""
    for channels in (1, 3):
        side = math.isqrt(count // channels)
        if side and channels * side * side == count:
            return (side, side) if channels == 1 else (side, side, channels)
    raise DataError(
        f"{path}: has {count:,} columns besides '{LABEL}': expects one per pixel of a square image, or three in colour"
    )


def _table(lines: Sequence[Line], head: Sequence[str], path: Path) -> Table:
    """(N, columns) of the lines, each pixel from 0 to 255."""
    try:
        with own_warning_filters():
            warnings.simplefilter("error")  # before NumPy 2, of numbers with a point
            texts = [text for _, text in lines]
            table = np.loadtxt(texts, np.int32, comments=None, delimiter=",", quotechar='"', ndmin=2)
    except (ValueError, DeprecationWarning):
        raise _fault(lines, head, path) from None
    most = [MAX_CLASSES - 1 if title == LABEL else 255 for title in head]
    if table.shape != (len(lines), len(head)) or (table < 0).any() or (table > most).any():
        raise _fault(lines, head, path)
    return table


def _fault(lines: Sequence[Line], head: Sequence[str], path: Path) -> DataError:
    """Says what is wrong with the first line that is."""
    for number, text in lines:
        cells = next(csv.reader([text]), [])
        if len(cells) != len(head):
            return DataError(
                f"{path}: line {number:,} has {len(cells):,} values, the first line {len(head):,}: complete it"
            )
        for title, cell in zip(head, cells, strict=True):
            most = MAX_CLASSES - 1 if title == LABEL else 255
            if not WHOLE.fullmatch(cell) or int(cell) > most:
                where = f"{path}: line {number:,}, column {title}"
                return DataError(f"{where}: expects a whole number from 0 to {most}, found {shown(cell)}")
    return DataError(f"{path}: lines {lines[0][0]:,} to {lines[-1][0]:,} are not numbers: save it again")
