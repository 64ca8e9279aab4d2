"""The README tells the truth: each command it shows, run again, prints what it says.

`pytest tests/docs/test_readme.py --overwrite` refreshes the outputs. Commands that train, or need a trained network,
are shown with real outputs too, but are not run here.
"""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command_line import ROOT, Cli
from tinymnist import load_spec

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
    # torchinfo's unit is an enum, which Python 3.10 prints as its value and later versions as its name
    printed = (outcome.err + outcome.out).replace("mult-adds (M)", "mult-adds (Units.MEGABYTES)")
    if request.config.getoption("--overwrite"):
        text = README.read_text(encoding="utf-8")
        README.write_text(text.replace(f"$ {line}\n{output}", f"$ {line}\n{printed}"), encoding="utf-8")
        return
    assert printed.rstrip() == output.rstrip()


def snippets() -> list[str]:
    """Every piece of a spec in the README."""
    return re.findall(r"```yaml\n(.*?)```\n", README.read_text(encoding="utf-8"), re.S)


@pytest.mark.parametrize("snippet", snippets(), ids=lambda text: text.split(":")[0])
def test_snippet_is_part_of_a_valid_spec(snippet: str, spec_file: Callable[[str], Path]) -> None:
    name = "" if "name: tiny3130" in snippet else "name: snippet\n"
    blocks = "" if "\nblocks:" in f"\n{snippet}" else "blocks: [{convs: [4]}]\n"
    load_spec(spec_file(name + blocks + snippet))


def test_the_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = re.findall(r"```python\n(.*?)```\n", README.read_text(encoding="utf-8"), re.S)
    (tmp_path / "archs").symlink_to(ROOT / "archs")
    monkeypatch.chdir(tmp_path)
    quick = example.replace("train.epochs=2", "train.epochs=1").replace('"auto"', '"mnist-5k"')
    exec(compile(quick, "README.md", "exec"), {})
