"""`metrics.csv`: one row per epoch; that of a series has the seed in front."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path

from tinymnist.errors import DataError
from tinymnist.files import read_bytes, write_atomically
from tinymnist.training.observer import EpochRow

METRICS = "metrics.csv"

MAX_BYTES = 256 << 20
"""The largest file that is read: at a hundred bytes per row, several times the epochs of any series."""

CLEAN = "clean_train_accuracy"
"""The column that files of earlier versions lack, and that is empty in rows of theirs."""

_COLUMNS = [field.name for field in fields(EpochRow)]


def write_metrics(rows: Sequence[EpochRow], path: Path) -> None:
    """Writes the metrics of a run, whole or not at all. Raises `DataError`."""
    _write(_COLUMNS, [astuple(row) for row in rows], path)


def write_series_metrics(seeds: Sequence[int], rows_by_seed: Sequence[Sequence[EpochRow]], path: Path) -> None:
    """Writes the metrics of a series, whole or not at all. Raises `DataError`."""
    rows = [(seed, *astuple(row)) for seed, rows in zip(seeds, rows_by_seed, strict=True) for row in rows]
    _write(["seed", *_COLUMNS], rows, path)


def _write(columns: Sequence[str], rows: Sequence[tuple[object, ...]], path: Path) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_atomically(path, text.getvalue())


def read_metrics(path: Path, seeds: int = 1) -> list[list[EpochRow]]:
    """The rows of each seed, which may have stopped at different epochs; a run has one seed. Raises `DataError` where
    the file is missing or damaged."""
    try:
        rows = list(csv.DictReader(read_bytes(path, MAX_BYTES).decode().splitlines()))
        read = []
        for row in rows:
            row.pop("seed", None)
            read.append(_row(row))
        if not read:
            raise ValueError("it holds no epochs")
        starts = [index for index, row in enumerate(read) if row.epoch == 1]
        by_seed = [read[first:end] for first, end in zip(starts, [*starts[1:], None], strict=True)]
        epochs = [number for rows in by_seed for number in range(1, len(rows) + 1)]
        if len(by_seed) != seeds or [row.epoch for row in read] != epochs:
            raise ValueError("its epochs are not 1, 2, 3 and so on")
        if not all(math.isfinite(value) for row in read for value in astuple(row) if value is not None):
            raise ValueError("a figure is not finite")
    except (ValueError, csv.Error) as error:
        raise DataError(f"{path}: damaged ({error}): copy the run again") from None
    return by_seed


def _row(texts: dict[str, str]) -> EpochRow:
    """Raises `ValueError`, which does not quote the file, for what is not a row."""
    try:
        epoch, clean = int(texts.pop("epoch")), texts.pop(CLEAN, "")
        figures = {key: float(text) for key, text in texts.items()}
        return EpochRow(epoch=epoch, **figures, clean_train_accuracy=float(clean) if clean else None)
    except (ValueError, TypeError, KeyError):
        raise ValueError("a row does not hold the figures of an epoch") from None
