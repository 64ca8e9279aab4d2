"""The command line: one file per command, and the only place that prints, exits and catches errors."""

from functools import cache
from typing import Any

import typer

from tinymnist.cli import (
    benchmark,
    build,
    check,
    compare,
    data,
    evaluate,
    export,
    front,
    grade,
    list_,
    new,
    predict,
    quantize,
    report,
    runs,
    schema,
    search,
    silence,
    summary,
    train,
    verify,
)
from tinymnist.cli.help import Command
from tinymnist.cli.silence import be_quiet, with_quiet
from tinymnist.console import quiet, report_error, show, wants_json
from tinymnist.errors import TinyMnistError, UsageError
from tinymnist.version import __version__

app = typer.Typer(
    name="tinymnist",
    help="Very small digit classifiers: declared in one YAML file, held to a budget, trained in seconds.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (
    build,
    summary,
    check,
    data,
    train,
    search,
    runs,
    evaluate,
    verify,
    grade,
    compare,
    predict,
    report,
    quantize,
    export,
    benchmark,
    front,
    new,
    list_,
    schema,
):
    app.command(name=module.__name__.rpartition(".")[2].rstrip("_"), cls=Command)(with_quiet(module.command))


def _version(wanted: bool) -> None:
    if wanted:
        show(f"tinymnist {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", "-V", callback=_version, is_eager=True, help="Show the version."),
    silent: bool = typer.Option(False, "--quiet", "-q", callback=be_quiet, help=silence.HELP),
) -> None:
    pass


_WORDS = {
    "Value error, ": "",
    "Input should be a valid integer, unable to parse string as an integer": "expects a whole number, as in 8000",
    "Input should be a valid number, unable to parse string as a number": "expects a number, as in 99.4",
    "Input should be greater than or equal to": "must be at least",
    "Input should be less than or equal to": "must be at most",
}
"""Phrases of the parser, and what is said instead."""


@cache
def _entry() -> Any:
    """The commands as Typer makes them of the functions; it takes longer than to run most of them."""
    return typer.main.get_command(app)


def run(arguments: list[str]) -> int:
    """Runs one command and returns its exit code. `help COMMAND` is `COMMAND --help`. Raises `BrokenPipeError` where
    nobody reads the result."""
    quiet.clear()
    if arguments[:1] == ["help"]:
        arguments = [*arguments[1:2], "--help"]
    try:
        return _entry()(arguments or ["--help"], standalone_mode=False, prog_name="tinymnist") or 0
    except SystemExit as leaving:
        if isinstance(leaving.__context__, BrokenPipeError):  # which Typer turns into an exit with 1
            raise BrokenPipeError from None
        raise
    except TinyMnistError as error:
        return report_error(error, wants_json(arguments))
    except typer.TyperException as error:
        if error.exit_code != UsageError.exit_code:
            raise
        message = " ".join(error.format_message().split())
        for theirs, ours in _WORDS.items():
            message = message.replace(theirs, ours)
        usage = UsageError(f"{message} (see tinymnist {_command_in(arguments)}--help)")
        return report_error(usage, wants_json(arguments))


def _command_in(arguments: list[str]) -> str:
    names = [command.name for command in app.registered_commands]
    return next((f"{argument} " for argument in arguments if argument in names), "")
