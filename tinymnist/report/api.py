"""Writes a report."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from tinymnist.errors import DataError, UsageError
from tinymnist.files import write_atomically
from tinymnist.notices import Warn, warn_in_python
from tinymnist.report.columns import Words
from tinymnist.report.contents import Entry, gather
from tinymnist.report.inspection import Options
from tinymnist.report.page import page
from tinymnist.report.pictures import write_pictures


@dataclass(frozen=True, slots=True)
class Report:
    """What was written."""

    page: Path
    entries: tuple[Entry, ...]
    """One per run, series or packaged network."""
    pictures: tuple[Path, ...]
    """Pictures written as files; the page does not need them."""
    damaged: tuple[str, ...]
    """What is wrong with the runs that were left out: missing, not finished or damaged."""


def write_report(
    runs: Sequence[str | PathLike[str]],
    output: str | PathLike[str] = "report.html",
    *,
    pictures: str | PathLike[str] | None = None,
    dataset: str | None = None,
    data_dir: Path | None = None,
    device: str = "auto",
    warn: Warn = warn_in_python,
    words: Words = str,
) -> Report:
    """Writes a page about finished runs, series and packaged networks to `output`, whole or not at all, and their
    pictures to the folder `pictures` if one is given. Runs that are not finished or damaged are left out.

    `dataset`, `data_dir`, `device` and `warn` are as in `evaluate`. A run that held out images is scored on those,
    any other run on the test set. `words` makes a line of each warning that runs recorded about their data.

    Raises `UsageError` if `output` does not end in `.html`, `DataError` where it cannot be written, and otherwise as
    `evaluate` does, a `RunError` only where no run is left.
    """
    target = page_path(output)
    entries, left_out = gather(runs, Options(dataset, data_dir, device, warn))
    content = page(entries, words)
    files = [] if pictures is None else [path for entry in entries for path in write_pictures(entry, Path(pictures))]
    write_atomically(target, content)
    return Report(target, tuple(entries), tuple(files), tuple(map(str, left_out)))


def page_path(output: str | PathLike[str]) -> Path:
    """Where the page goes. Raises `UsageError` for a name that is not one of a page, `DataError` for a folder in which
    it cannot be written."""
    target = Path(output)
    if target.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{target}: expects a name that ends in .html")
    if not os.access(target.parent, os.W_OK):
        raise DataError(f"{target}: cannot be written: {target.parent} is no folder that you may write to")
    return target
