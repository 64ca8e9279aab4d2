"""Printing: results on stdout, everything else on stderr, and no control character but the newline on either.

Only the command line prints. This part of it is a light module of its own, so that even a signal during the imports
gets an answer.
"""

import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from threading import Event
from typing import Any

from tinymnist.errors import CheckFailed, TinyMnistError
from tinymnist.text import SCHEMA_VERSION, printable

result_begun = Event()
"""Set once something is on stdout, or on its way there."""

quiet = Event()
"""Set by `--quiet`: no progress on stderr, and no notes."""


def shows_bars() -> bool:
    """Whether progress bars are drawn."""
    return not quiet.is_set() and sys.stderr is not None and sys.stderr.isatty()


@contextmanager
def loading_torch() -> Iterator[None]:
    """Says on a terminal what the seconds go into while a block imports PyTorch; the line is erased in the end."""
    if not shows_bars() or "torch" in sys.modules:
        yield
        return
    line = "loading PyTorch ..."
    print(f"{line}\r", end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        print(f"{' ' * len(line)}\r", end="", file=sys.stderr, flush=True)


def width() -> int | None:
    """The columns of the terminal that results are printed on; None for a file or a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def show(text: str) -> None:
    """Prints a result on stdout."""
    result_begun.set()
    print("\n".join(printable(line) for line in text.split("\n")))


def show_json(content: Mapping[str, Any]) -> None:
    """Prints the one JSON object of a `--json` command on stdout."""
    result_begun.set()
    print(json.dumps({"schema_version": SCHEMA_VERSION, **content}, indent=2, allow_nan=False))


def say(text: str) -> None:
    """Prints one line on stderr, unless `--quiet` is given: what happens meanwhile."""
    if not quiet.is_set():
        complain(text)


def complain(text: str) -> None:
    """Prints one line on stderr: an error, or a warning."""
    if sys.stderr is not None:
        print(printable(text), file=sys.stderr, flush=True)


def complain_of(damaged: Sequence[str]) -> int:
    """Says what was left out of a result because it is damaged. Returns the exit code."""
    for line in damaged:
        complain(f"tinymnist: left out {line}")
    return CheckFailed.exit_code if damaged else 0


def report_error(error: TinyMnistError, as_json: bool) -> int:
    """Prints the error on stderr, one line for each mistake, and with `--json` an object on stdout. Returns its exit
    code."""
    for line in (str(error), *error.others):
        complain(f"tinymnist: {line}")
    if as_json:
        show_json({"error": {"kind": error.kind, "message": error.message, "exit_code": error.exit_code}})
    return error.exit_code


def wants_json(arguments: list[str]) -> bool:
    """Whether the arguments ask for one JSON object on stdout, even where they are otherwise wrong."""
    formats = [f"{option}={value}" for option, value in pairwise(arguments) if option == "--format"]
    return bool({"--json", "--format=json"} & {*arguments, *formats})
