"""What a test does to a child of the nursery before its command begins."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tinymnist import __main__, load_run
from tinymnist.console import report_error
from tinymnist.errors import TinyMnistError
from tinymnist.training import engine
from tinymnist.training.packed import pack_run


def sleep_in_steps(seconds: float) -> None:
    """Makes steps slow."""

    def slow(step: Any) -> Any:
        def slowly(*given: object) -> None:
            time.sleep(seconds)
            step(*given)

        return slowly

    for kind in (engine.NativeEngine, engine.TorchEngine):
        _replace(kind, "step", slow(kind.step))


def pack(run: str, file: str) -> None:
    """Makes it pack a run, instead of what its arguments say."""
    _do(lambda: pack_run(load_run(run), Path(file)))


def _do(work: Callable[[], object]) -> None:
    def main() -> None:
        try:
            work()
        except TinyMnistError as error:
            sys.exit(report_error(error, False))

    _replace(__main__, "main", main)


def _replace(where: object, name: str, what: object) -> None:
    """For good: the child is soon over."""
    setattr(where, name, what)
