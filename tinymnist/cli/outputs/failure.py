"""What every command prints with `--json` when it fails."""

from tinymnist.cli.outputs.base import Shown


class Problem(Shown):
    """What went wrong."""

    kind: str
    message: str
    exit_code: int


class Failure(Shown):
    """What a command prints with `--json` when it fails: `console.report_error`."""

    error: Problem
