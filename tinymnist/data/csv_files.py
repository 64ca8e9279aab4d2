"""Data sets as CSV, one image per line: a column `label`, and one column per pixel (Kaggle's digit recognizer)."""

import csv
import math
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from tinymnist.data.as_read import AsRead, Part
from tinymnist.data.image_set import MAX_CLASSES, SplitName
from tinymnist.errors import DataError
from tinymnist.files import refuse_unreadable
from tinymnist.notices import UnlabelledPassedOver
from tinymnist.quiet import own_warning_filters
from tinymnist.text import printable, shown

FILES: dict[SplitName, str] = {"train": "train.csv", "test": "test.csv", "val": "val.csv"}
"""What the files of a folder are called."""
LABEL = "label"
MAX_LINE = 1 << 20
"""The most characters of a line: three times as many as the pixels of the largest image in colour need."""
LINES_AT_ONCE, CELLS_AT_ONCE = 4096, 4096 * 785
"""How many lines are read at once, and how many numbers."""
WHOLE = re.compile(r" *[0-9]{1,9} *")

Line = tuple[int, str]
"""Its number in the file, from 1, and its text."""
Table = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Rows:
    """Some images of a file."""

    pixels: NDArray[np.uint8]
    """(N, pixels)"""
    labels: NDArray[np.int64] | None
    """(N,); None where the file has no labels."""
    lines: Sequence[int]
    """Where each stands in the file, from 1."""


def read_csv(path: Path) -> AsRead:
    """Reads a file, or a folder of `train.csv` and, if there are any, `test.csv` and `val.csv`. Raises `DataError`."""
    if not path.is_dir():
        return AsRead({"train": _read(path)})
    files = {split: path / name for split, name in FILES.items() if (path / name).exists()}
    unlabelled = [file for split, file in files.items() if split != "train" and not is_labelled(file)]
    return AsRead(
        {split: _read(file) for split, file in files.items() if file not in unlabelled},
        notices=tuple(UnlabelledPassedOver(printable(str(path)), file.name) for file in unlabelled),
    )


def is_labelled(path: Path) -> bool:
    """Whether a file has labels, which those to predict have not. Raises `DataError`."""
    return next(read_rows(path)).labels is not None


def read_rows(path: Path, labelled: bool = False) -> Iterator[Rows]:
    """Reads a file bit by bit, whether or not it has labels, unless it must be `labelled`. Of a file without images,
    there are once `Rows` with none. Raises `DataError`."""
    refuse_unreadable(path)
    try:
        with path.open(encoding="utf-8-sig") as stream:
            lines = _lines(stream, path)
            head = _head(next(lines, (1, ""))[1], path, labelled)
            at_once = max(1, min(LINES_AT_ONCE, CELLS_AT_ONCE // len(head)))
            some = list(islice(lines, at_once))
            yield _rows(some, head, path)
            while some := list(islice(lines, at_once)):
                yield _rows(some, head, path)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: is not CSV in UTF-8 ({shown(str(error))[1:-1]}): save it as such") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None


def square(columns: int, path: Path) -> tuple[int, ...]:
    """The shape of an image with so many columns: square, grey or with three numbers per pixel. Raises `DataError`."""
    for channels in (1, 3):
        side = math.isqrt(columns // channels)
        if side and channels * side * side == columns:
            return (side, side) if channels == 1 else (side, side, channels)
    raise DataError(
        f"{path}: has {columns:,} columns besides '{LABEL}': expects one per pixel of a square image, or three in "
        "colour"
    )


def _read(path: Path) -> Part:
    pixels, labels, origins = list[NDArray[np.uint8]](), list[NDArray[np.int64]](), list[str]()
    for rows in read_rows(path, labelled=True):
        assert rows.labels is not None
        pixels.append(rows.pixels.reshape(-1, *square(rows.pixels.shape[1], path)))
        labels.append(rows.labels)
        origins += [f"{path.name}:{line}" for line in rows.lines]
    return Part(np.concatenate(pixels), np.concatenate(labels), origins)


def _lines(stream: TextIO, path: Path) -> Iterator[Line]:
    """The lines that are not blank. Raises `DataError` for one that is too long, before it fills the memory."""
    for number in count(1):
        text = stream.readline(MAX_LINE + 1)
        if len(text) > MAX_LINE:
            raise DataError(f"{path}: line {number:,} has more than {MAX_LINE:,} characters: save it again")
        if text.strip():
            yield number, text
        elif not text:
            return


def _head(text: str, path: Path, labelled: bool) -> list[str]:
    """The titles of the columns, in the first line."""
    head = [title.strip() for title in next(csv.reader([text]), [])]
    if labelled and head.count(LABEL) != 1:
        raise DataError(f"{path}: its first line names no column '{LABEL}': expects {LABEL},pixel0,pixel1,...")
    if not head:
        raise DataError(f"{path}: its first line names no columns: expects pixel0,pixel1,...")
    if all(WHOLE.fullmatch(title) for title in head) and head != [str(index) for index in range(len(head))]:
        raise DataError(f"{path}: its first line has numbers only: expects names of columns: pixel0,pixel1,...")
    if head.count(LABEL) > 1:
        raise DataError(f"{path}: its first line names several columns '{LABEL}': leave one")
    return head


def _rows(lines: Sequence[Line], head: Sequence[str], path: Path) -> Rows:
    table = _table(lines, head, path) if lines else np.empty((0, len(head)), np.int32)
    pixels = np.delete(table, [at for at, title in enumerate(head) if title == LABEL], axis=1).astype(np.uint8)
    labels = table[:, head.index(LABEL)].astype(np.int64) if LABEL in head else None
    return Rows(pixels, labels, [number for number, _ in lines])


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
                where = f"{path}: line {number:,}, column {shown(title)[1:-1]}"
                return DataError(f"{where}: expects a whole number from 0 to {most}, found {shown(cell)}")
    return DataError(f"{path}: lines {lines[0][0]:,} to {lines[-1][0]:,} are not numbers: save it again")
