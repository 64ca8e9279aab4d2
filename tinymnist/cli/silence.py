"""`--quiet`, which every command takes."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from tinymnist.console import quiet

HELP = "No progress and no notes: results, warnings and errors alone."


def be_quiet(wanted: bool) -> None:
    """What `--quiet` does, given before a command or after it."""
    if wanted:
        quiet.set()


def with_quiet(command: Callable[..., Any]) -> Callable[..., Any]:
    """The function of a command, which then takes `--quiet` too."""
    option = Annotated[bool, typer.Option("--quiet", "-q", help=HELP)]

    @wraps(command)
    def quietly(*, silent: bool, **given: Any) -> Any:
        be_quiet(silent)
        return command(**given)

    signature = inspect.signature(command)
    added = inspect.Parameter("silent", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=option)
    # Typer reads both.
    quietly.__signature__ = signature.replace(parameters=[*signature.parameters.values(), added])  # type: ignore[attr-defined]
    quietly.__annotations__ = {**command.__annotations__, "silent": option}
    return quietly
