"""The action that grades in a student's repository: its steps are run as GitHub runs them."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.grading.test_grade import ASSIGNMENT, KINDS, NET
from tests.support.command_line import ROOT

ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]


def filled(text: str, inputs: dict[str, str], action: str) -> str:
    """The text with GitHub's expressions evaluated: the few kinds that the action has."""

    def value(found: re.Match[str]) -> str:
        kind, name = found[1].split(".")
        return action if (kind, name) == ("github", "action_path") else inputs[name]

    return re.sub(r"\$\{\{ ([a-z_.]+) \}\}", value, text)


def run_step(step: dict[str, Any], folder: Path, **given: str) -> subprocess.CompletedProcess[str]:
    inputs = {name: each.get("default", "") for name, each in ACTION["inputs"].items()} | given
    path = f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}"  # the step before has installed it
    variables = {name: filled(text, inputs, str(ROOT)) for name, text in step["env"].items()}
    files = {name: str(folder / name.lower()) for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", "RUNNER_TEMP")}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder, env={**os.environ, "PATH": path, **files, **variables}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "assignment.yaml").write_text(ASSIGNMENT)
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "net.yaml").write_text(KINDS["wide"])  # which is not trained
    return tmp_path


@pytest.mark.slow
def test_it_writes_the_summary_and_the_points(repository: Path) -> None:
    (repository / "work" / "net.yaml").write_text(NET)
    outcome = run_step(STEPS[-1], repository, submission="work")
    assert outcome.returncode == 0, outcome.stderr
    assert (repository / "github_output").read_text() == "points=10\nmost=10\n"
    summary = (repository / "github_step_summary").read_text().splitlines()
    assert summary[0] == "| submission | status | parameters | accuracy % | points | reason |"
    assert summary[2].startswith("| work | graded | 622 | ")


def test_what_is_handed_in_is_text_to_the_shell(repository: Path) -> None:
    name = "$(touch hacked); `touch hacked`"
    (repository / "work").rename(repository / name)
    outcome = run_step(STEPS[-1], repository, submission=name)
    assert outcome.returncode == 0, outcome.stderr
    assert not (repository / "hacked").exists()


def test_a_submission_that_is_not_there_fails_the_step(repository: Path) -> None:
    outcome = run_step(STEPS[-1], repository, submission="nowhere")
    assert outcome.returncode == 2
    assert "nowhere: no such file or folder" in outcome.stderr


def test_it_installs_itself_and_pins_what_it_uses() -> None:
    assert filled(STEPS[1]["env"]["ACTION"], {}, "/actions/tinymnist") == "/actions/tinymnist"
    assert STEPS[1]["run"] == 'python -m pip install --quiet "$ACTION"'
    assert [
        step["uses"] for step in STEPS if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step.get("uses", "a@" + "0" * 40))
    ] == []
    assert not any("${{" in step.get("run", "") for step in STEPS)
