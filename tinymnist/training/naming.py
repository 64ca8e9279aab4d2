"""The name of a new run or series."""

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path

from tinymnist.errors import RunError, UsageError
from tinymnist.spec import Spec
from tinymnist.text import shown


@dataclass(frozen=True)
class NewName:
    """The name of a folder to be made. One that nobody asked for gives way where it is taken: `-2` is added,
    or `-3`."""

    text: str
    asked_for: bool
    command: str = "train"
    """Which command goes on with what has the name."""

    @classmethod
    def choose(cls, asked: str | None, spec: Spec, end: str) -> "NewName":
        """The name that was asked for, or one made from the architecture, the time and `end`."""
        return cls(f"{spec.name}-{datetime.now():%Y%m%d-%H%M%S}-{end}" if asked is None else asked, asked is not None)

    def refuse(self, output: Path) -> None:
        """Raises `UsageError` for a name that is not a plain file name, `RunError` where one asked for is taken."""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", self.text):
            raise UsageError(f"--name {shown(self.text)}: not a plain name: letters, digits, `.`, `_` and `-`")
        if self.asked_for and os.path.lexists(output / self.text):
            raise self.taken(output)

    @property
    def candidates(self) -> Iterator[str]:
        """The names to try, first to last."""
        yield self.text
        if not self.asked_for:
            yield from (f"{self.text}-{number}" for number in count(2))

    def taken(self, output: Path) -> RunError:
        path = output / self.text
        resume = f"tinymnist {self.command} --resume {shlex.quote(str(path))}"
        return RunError(f"{path}: already exists: choose another --name, or resume it with `{resume}`")
