"""The project's folders, and the outcome of a call of the command line."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ARCHS = ROOT / "archs"


@dataclass(frozen=True)
class Outcome:
    """Exit code, stdout and stderr of one call."""

    code: int
    out: str
    err: str


Cli = Callable[..., Outcome]
"""The `cli` fixture: runs `tinymnist` with the given arguments in this process."""
