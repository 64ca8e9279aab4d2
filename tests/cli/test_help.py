"""`--help`: light, plain, within 80 columns, and with options in panels."""

import pytest
import typer.main

from tests.support.command_line import Cli
from tinymnist.cli import app

COMMANDS = [command.name for command in app.registered_commands]


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_plain_text_of_80_columns(cli: Cli, command: str) -> None:
    out = cli(command, "--help").out
    assert max(map(len, out.splitlines())) <= 80
    assert out.isascii()
    assert "\x1b" not in out


def test_the_list_of_commands_cuts_no_sentence_short(cli: Cli) -> None:
    assert "..." not in cli("--help").out.partition("Commands:")[2]


def test_options_are_grouped_in_panels(cli: Cli) -> None:
    out = cli("train", "--help").out
    titles = [line for line in out.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert titles == [
        "Arguments:", "Recipe:", "Seeds:", "Target:", "Data:", "Computing:", "Cluster:", "Run:", "Options:",
    ]  # fmt: skip
    assert "--validation" in out.partition("Data:")[2].partition("Computing:")[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_shown_once(cli: Cli, command: str) -> None:
    parameters = typer.main.get_command(app).commands[command].params  # type: ignore[attr-defined]
    lines = [line.split()[0].strip(",") for line in cli(command, "--help").out.splitlines() if line.startswith("  -")]
    assert sorted(lines) == sorted(
        [*(min(each.opts, key=len) for each in parameters if each.opts[0].startswith("-")), "-h"]
    )


@pytest.mark.parametrize(
    ("command", "choices"),
    [
        ("train", "--device <auto|cpu|cuda|mps>"),
        ("train", "--engine <auto|torch|native>"),
        ("evaluate", "--device <auto|cpu|cuda|mps>"),
        ("export", "--format <onnx|c|html>"),
        ("export", "--dtype <float32|int8|int4>"),
        ("check", "--format <text|json|junit|github>"),
    ],
)
def test_fixed_choices_are_shown(cli: Cli, command: str, choices: str) -> None:
    assert choices in cli(command, "--help").out
