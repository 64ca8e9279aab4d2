"""`runs`: a table of one's trainings, finished, interrupted and damaged."""

import json
import shutil
from pathlib import Path

import pytest

from tests.support.command_line import Cli
from tests.support.trainings import StopAfter
from tinymnist import load_spec, train, train_series
from tinymnist.errors import Interrupted


@pytest.fixture(scope="module")
def folder(small_run: Path, quick: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, a series, a run that was stopped in its second epoch, and something else."""
    folder = tmp_path_factory.mktemp("runs")
    shutil.copytree(small_run, folder / "a-run")
    spec = load_spec(quick)
    train_series(spec, [1, 2], jobs=1, dataset="mnist-5k", output=folder, name="b-series")
    with pytest.raises(Interrupted):
        train(spec, seed=3, dataset="mnist-5k", validation=500, output=folder, name="c-stopped", observer=StopAfter(12))
    (folder / "notes").mkdir()
    return folder


def test_each_training_is_one_line(cli: Cli, folder: Path) -> None:
    titles, run, series, stopped = cli("runs", folder).out.splitlines()
    assert titles.split() == ["run", "network", "parameters", "seeds", "epochs", "accuracy", "%", "images"]
    assert run.split()[:5] == ["a-run", "tiny3130", "3,130", "7", "1"]
    assert series.split()[:6] == ["b-series", "quick", "622", "2", "seeds", "2"]
    assert "±" in series
    assert stopped.split() == [
        "c-stopped", "quick", "622", "3", "1", "of", "2", "not", "finished", "mnist-5k,", "held", "out",
    ]  # fmt: skip


def test_json_has_the_figures_of_the_results(cli: Cli, folder: Path) -> None:
    run, series, stopped = json.loads(cli("runs", folder, "--json").out)["runs"]
    assert run["accuracy"] == json.loads((folder / "a-run" / "result.json").read_text())["accuracy"]
    assert (series["seeds"], series["epochs"], series["of_epochs"]) == ([1, 2], 2, 2)
    assert (stopped["accuracy"], stopped["epochs"], stopped["scored_on"]) == (None, 1, "validation")


def test_a_damaged_run_is_left_out_with_a_line(cli: Cli, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "a-run", tmp_path / "runs" / "good")
    shutil.copytree(folder / "a-run", tmp_path / "runs" / "bad")
    (tmp_path / "runs" / "bad" / "result.json").write_text("{")
    outcome = cli("runs", tmp_path / "runs")
    assert (outcome.code, len(outcome.out.splitlines()), outcome.err.count("\n")) == (1, 2, 1)
    assert outcome.err.startswith(f"tinymnist: left out {tmp_path}/runs/bad/result.json: damaged (")
