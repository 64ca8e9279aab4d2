"""The README tells the truth: each command it shows, run again, prints what it says.

`pytest tests/test_readme.py --overwrite` refreshes the outputs. Commands that train, or need a trained network, are
shown with real outputs too, but are not run here.
"""

import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import ROOT, Cli

README = ROOT / "README.md"
BLOCK = re.compile(r"```console\n(.*?)```\n", re.S)
COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.M)
QUICK = ("build", "summary", "check", "list", "new")


def shown() -> list[tuple[str, str]]:
    """Every quick command in the README, and the output under it."""
    found = [
        command for block in BLOCK.findall(README.read_text(encoding="utf-8")) for command in COMMAND.findall(block)
    ]
    return [
        (line, output) for line, output in found if shlex.split(line)[:1] == ["tinymnist"] and line.split()[1] in QUICK
    ]


def test_each_quick_command_is_shown() -> None:
    assert {line.split()[1] for line, _ in shown()} == set(QUICK)


@pytest.mark.parametrize(("line", "output"), shown(), ids=[line for line, _ in shown()])
def test_command_prints_what_the_readme_says(
    line: str,
    output: str,
    cli: Cli,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    (tmp_path / "archs").symlink_to(ROOT / "archs")
    if "mine.yaml" in line and " new " not in line:
        monkeypatch.chdir(tmp_path)
        cli("new", "mine.yaml")
    monkeypatch.chdir(tmp_path)
    outcome = cli(*shlex.split(line.partition(" # ")[0])[1:])
    printed = outcome.err + outcome.out
    if request.config.getoption("--overwrite"):
        text = README.read_text(encoding="utf-8")
        README.write_text(text.replace(f"$ {line}\n{output}", f"$ {line}\n{printed}"), encoding="utf-8")
        return
    assert printed.rstrip() == output.rstrip()
