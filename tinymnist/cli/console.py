"""Printing: results on stdout, everything else on stderr."""

import json
import sys
from typing import Any

from tinymnist.errors import TinyMnistError
from tinymnist.text import SCHEMA_VERSION, printable


def show(text: str) -> None:
    """A result, on stdout."""
    print(text)


def show_json(content: dict[str, Any]) -> None:
    """The one JSON object of a `--json` command, on stdout."""
    print(json.dumps({"schema_version": SCHEMA_VERSION, **content}, indent=2))


def say(text: str) -> None:
    """What happens meanwhile, on stderr."""
    print(text, file=sys.stderr, flush=True)


def report_error(error: TinyMnistError, as_json: bool) -> int:
    """One line on stderr, with `--json` an object on stdout too; returns the exit code."""
    say(f"tinymnist: {printable(str(error))}")
    if as_json:
        show_json({"error": {"kind": error.kind, "message": str(error), "exit_code": error.exit_code}})
    return error.exit_code
