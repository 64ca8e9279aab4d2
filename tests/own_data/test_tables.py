"""`runs` and `compare` on data of one's own: its warnings, and long paths."""

import json
import shutil
from pathlib import Path

import pytest

from tests.own_data.conftest import Train
from tests.support.command_line import Cli
from tinymnist.text import abbreviated, short_path

PAIR = "train/Amsel/0.png (Amsel) = train/Amsel/1.png (Amsel)"
TWINS = f"1 training image repeats another, pixel by pixel, such as {PAIR}"


def test_runs_counts_the_warnings_of_the_data(cli: Cli, birds: Path, birds_run: Path) -> None:
    line = cli("runs", birds_run.parent).out.splitlines()[1]
    assert line.endswith(f"  {birds}, test (1 warning)")
    (shown,) = json.loads(cli("runs", birds_run.parent, "--json").out)["runs"]
    assert shown["warnings"] == [{"kind": "TwinsInTraining", "repeated": 1, "contradicting": 0, "example": PAIR}]


def test_runs_shortens_a_long_path_in_a_terminal(
    cli: Cli, birds_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Path(shutil.copytree(birds_run, tmp_path / "runs" / "mine"))
    record = json.loads((run / "environment.json").read_text())
    path = "/home/somebody/pictures/of/the/last/summer/birds"
    (run / "environment.json").write_text(json.dumps({**record, "dataset": path}))
    assert cli("runs", tmp_path / "runs").out.splitlines()[1].endswith(f"  {path}, test (1 warning)")
    monkeypatch.setattr("tinymnist.cli.runs.width", lambda: 160)
    assert (
        cli("runs", tmp_path / "runs").out.splitlines()[1].endswith("  .../of/the/last/summer/birds, test (1 warning)")
    )
    monkeypatch.setattr("tinymnist.cli.runs.width", lambda: 70)
    assert max(map(len, cli("runs", tmp_path / "runs").out.splitlines())) <= 70


@pytest.mark.parametrize(
    ("path", "short"),
    [
        ("./birds", "./birds"),
        ("/home/somebody/pictures/birds", ".../pictures/birds"),
        ("some/pictures/of/birds/", ".../of/birds/"),
        ("/data/a-very-long-name-of-a-data-set.npz", "...of-a-data-set.npz"),
        ("C:\\Users\\somebody\\birds", "...\\somebody\\birds"),
    ],
)
def test_a_short_path_keeps_its_end(path: str, short: str) -> None:
    assert short_path(path, 20) == short


def test_an_abbreviated_name_keeps_both_ends() -> None:
    assert abbreviated("colorectal adenocarcinoma", 14) == "colorect...oma"
    assert abbreviated("fourteen chars", 14) == "fourteen chars"


def test_compare_repeats_the_warnings_of_the_data_once(cli: Cli, birds: Path, birds_run: Path) -> None:
    lines = cli("compare", birds_run, birds_run).out.splitlines()
    assert lines[-1] == f"({birds}: {TWINS})"
    assert [line for line in lines if TWINS in line] == lines[-1:]
    content = json.loads(cli("compare", birds_run, birds_run, "--json").out)
    assert [content[side]["warnings"][0]["kind"] for side in "ab"] == ["TwinsInTraining"] * 2


def test_compare_repeats_the_warnings_of_series(cli: Cli, birds: Path, train_on: Train) -> None:
    series = train_on(birds, 4, (3, 20, 24), seeds=2)
    assert cli("compare", series, series).out.splitlines()[-1] == f"({birds}: {TWINS})"
    content = json.loads(cli("compare", series, series, "--json").out)
    assert content["a"]["warnings"] == [{"kind": "TwinsInTraining", "repeated": 1, "contradicting": 0, "example": PAIR}]
