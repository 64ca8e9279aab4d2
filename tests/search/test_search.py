"""`tinymnist search` from a search file to a winner, in one process and in several."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.command_line import Cli
from tests.support.searches import SEARCH, write_search
from tinymnist import load_spec
from tinymnist.errors import DataError, RunError
from tinymnist.search.api import search
from tinymnist.search.load import load_search
from tinymnist.search.study import Study, open_study
from tinymnist.training import Run, Series, open_run
from tinymnist.training.task import Task
from tinymnist.training.workers import InTurn


class Recording(InTurn):
    """Trains in this process, and keeps which trainings were handed over at once."""

    threads = 1

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[str]] = []

    def submit(self, tasks: Sequence[Task]) -> None:
        self.batches.append(["/".join(task.path.parts[-3:]) for task in tasks])
        super().submit(tasks)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, list[list[str]]]:
    """A finished study, made in one process."""
    folder = tmp_path_factory.mktemp("search")
    workers = Recording()
    study = search(load_search(str(write_search(folder))), workers=workers, output=folder)
    return study, workers.batches


@pytest.fixture
def study(recorded: tuple[Study, list[list[str]]]) -> Study:
    return recorded[0]


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


def series(path: Path) -> Series:
    found = open_run(path)
    assert isinstance(found, Series)
    return found


def test_a_row_for_each_trial_tells_what_became_of_it(study: Study) -> None:
    found = rows(study.path / "trials.csv")
    assert list(found[0])[:7] == ["trial", "state", "parameters", "macs", "epochs", "accuracy", "loss"]
    assert list(found[0])[7:] == list(study.file.search.search)
    assert [row["trial"] for row in found] == ["0", "1", "2", "3", "4"]
    assert {row["state"] for row in found} <= {"dropped", "finished"}
    assert all(row["epochs"] == ("2" if row["state"] == "finished" else "1") for row in found)
    assert all(810 <= int(row["parameters"]) <= 900 for row in found)


def test_each_training_is_a_run_with_the_figures_of_its_row(study: Study) -> None:
    for row in rows(study.path / "trials.csv"):
        run = open_run(study.training_path(int(row["trial"]), int(row["epochs"])))
        assert isinstance(run, Run)
        assert f"{run.result.accuracy:.2f}" == row["accuracy"]
        assert f"{run.result.loss:.4f}" == row["loss"]
        assert (run.result.scored_on, run.result.n) == ("validation", 300)
        assert run.spec.plan.parameters == int(row["parameters"])
        assert run.spec.train.epochs == int(row["epochs"])


def test_the_front_has_no_network_that_another_beats(study: Study) -> None:
    front = rows(study.path / "front.csv")
    finished = [row for row in rows(study.path / "trials.csv") if row["state"] == "finished"]

    def figures(row: dict[str, str]) -> tuple[float, int, int]:
        return -float(row["accuracy"]), int(row["parameters"]), int(row["macs"])

    for row in front:
        assert row in finished
        for other in finished:
            better = [theirs <= ours for theirs, ours in zip(figures(other), figures(row), strict=True)]
            assert figures(other) == figures(row) or not all(better)


def test_finalists_are_series_on_held_out_images_best_first(study: Study) -> None:
    finalists = study.result.finalists
    assert len(finalists) == min(2, sum(row["state"] == "finished" for row in rows(study.path / "trials.csv")))
    assert [each.accuracy for each in finalists] == sorted((each.accuracy for each in finalists), reverse=True)
    for each in finalists:
        result = series(study.path / "finalists" / each.name).result
        assert (result.scored_on, result.seeds, result.mean) == ("validation", [0, 1], each.accuracy)


def test_all_seeds_of_all_finalists_are_handed_over_at_once(recorded: tuple[Study, list[list[str]]]) -> None:
    study, batches = recorded
    names = sorted(each.name for each in study.result.finalists)
    winner = study.result.winners[0].name
    finals = [f"finalists/{name}/seed-{seed}" for name in names for seed in (0, 1)]
    assert [sorted(batch) for batch in batches[-2:]] == [finals, [f"winners/{winner}/seed-{seed}" for seed in (0, 1)]]


def test_a_finalist_is_a_spec_that_train_takes(study: Study) -> None:
    for each in study.result.finalists:
        spec = load_spec(study.path / "finalists" / f"{each.name}.yaml")
        assert (spec.name, spec.plan.parameters, spec.train.epochs) == (each.name, each.parameters, 2)
        assert spec.checks.max_params == 900


def test_the_winner_alone_sees_the_test_set(study: Study) -> None:
    (winner,) = study.result.winners
    assert winner.name == study.result.finalists[0].name
    result = series(study.path / "winners" / winner.name).result
    assert (result.scored_on, result.images, result.mean) == ("test", 359, winner.accuracy)
    for path in study.path.glob("trials/*/*/result.json"):
        assert json.loads(path.read_text())["scored_on"] == "validation"


def test_the_result_counts_what_was_trained(study: Study) -> None:
    trials = rows(study.path / "trials.csv")
    longer = sum(row["epochs"] == "2" for row in trials)
    result = study.result
    assert (result.trials, result.trainings, result.epochs) == (5, 5 + longer, 5 + 2 * longer)


@pytest.mark.slow
def test_the_same_search_again_finds_the_same(study: Study, cli: Cli, tmp_path: Path) -> None:
    file = study.path.parent / "search.yaml"
    outcome = cli("search", file, "--jobs", 1, "--threads", 1, "--output", tmp_path, "--name", "again", "--json")
    content = json.loads(outcome.out)
    expected = json.loads((study.path / "result.json").read_text())
    for each in (content, expected):
        for part in (each, *each["finalists"], *each["winners"]):
            for key in ("study", "run", "seconds"):
                part.pop(key, None)
    assert content == expected
    assert (tmp_path / "again" / "trials.csv").read_text() == (study.path / "trials.csv").read_text()


def test_a_finished_study_is_shown_again(study: Study, cli: Cli) -> None:
    outcome = cli("search", "--resume", study.path)
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert lines[0].startswith("tiny: 5 networks tried in ")
    assert lines[0].endswith("compared on 300 held-out training images of digits-8x8")
    assert f"{study.result.winners[0].name}, trained on all training images: " in outcome.out
    assert lines[-2:] == [f"study: {study.path}", f"next: tinymnist report {study.path}"]


def test_a_name_that_is_taken_is_refused(study: Study, cli: Cli) -> None:
    outcome = cli("search", study.path.parent / "search.yaml", "--output", study.path.parent)
    assert (outcome.code, outcome.out) == (2, "")
    assert "already exists: choose another --name, or resume it with `tinymnist search --resume" in outcome.err


@pytest.mark.parametrize("name", ["study.yaml", "base.yaml"])
def test_a_search_that_has_changed_since_is_refused(study: Study, tmp_path: Path, name: str) -> None:
    for each in ("study.yaml", "base.yaml", "study.json"):
        (tmp_path / each).write_bytes((study.path / each).read_bytes())
    open_study(tmp_path)
    with open(tmp_path / name, "a") as stream:
        stream.write("# more\n")
    with pytest.raises(DataError, match=f"{name}: has changed since the study began"):
        open_study(tmp_path)


def test_what_is_no_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not the folder of a study"):
        open_study(tmp_path)


@pytest.mark.slow
def test_a_network_that_diverges_only_ends_its_trial(cli: Cli, tmp_path: Path) -> None:
    text = SEARCH.replace("{log: [0.02, 0.4]}", "{choice: [0.1, 100000.0]}").replace("[relu, silu]", "[relu, none]")
    file = write_search(
        tmp_path, text.replace("trials: 5", "trials: 6").replace("keep: 2, seeds: 2", "keep: 1, seeds: 1")
    )
    assert cli("search", file, "--jobs", 1, "--output", tmp_path, "--quiet").code == 0
    found = rows(tmp_path / "tiny" / "trials.csv")
    assert len(found) == 6
    diverged = [row for row in found if row["state"] == "diverged"]
    assert diverged
    assert {row["train.schedule.max_lr"] for row in diverged} == {"100000.0"}


@pytest.mark.slow
def test_of_several_objectives_each_network_that_nothing_beats_wins(cli: Cli, tmp_path: Path) -> None:
    text = SEARCH + "objective: [{minimize: validation_loss}, {minimize: macs}]\n"
    file = write_search(tmp_path, text.replace("fill: 0.9", "fill: 0.3"))
    assert cli("search", file, "--jobs", 1, "--output", tmp_path, "--quiet").code == 0
    result = open_study(tmp_path / "tiny").result
    best = {
        each.name
        for each in result.finalists
        if not any(o.loss <= each.loss and o.macs <= each.macs and o != each for o in result.finalists)
    }
    assert {each.name for each in result.winners} == best


@pytest.mark.slow
def test_several_at_once_find_within_the_budget_too(cli: Cli, tmp_path: Path) -> None:
    file = write_search(tmp_path, SEARCH.replace("keep: 2, seeds: 2", "keep: 1, seeds: 1"))
    assert cli("search", file, "--jobs", 2, "--output", tmp_path, "--quiet").code == 0
    found = rows(tmp_path / "tiny" / "trials.csv")
    assert sorted(row["trial"] for row in found) == ["0", "1", "2", "3", "4"]
    assert open_study(tmp_path / "tiny").result.winners[0].n == 1


def test_a_dry_run_says_that_the_base_is_outside_the_space(cli: Cli, tmp_path: Path) -> None:
    file = write_search(tmp_path, SEARCH.replace("[relu, silu]", "[silu, hardswish]"))
    assert cli("search", file, "--dry-run").out.splitlines()[4] == (
        "the base: 874 parameters, 21,552 multiply-adds, not tried: outside the space or the budget"
    )


def test_a_dry_run_trains_nothing(cli: Cli, tmp_path: Path) -> None:
    file = write_search(tmp_path)
    outcome = cli("search", file, "--dry-run", "--output", tmp_path / "studies")
    assert outcome.code == 0
    assert not (tmp_path / "studies").exists()
    lines = outcome.out.splitlines()
    assert lines[0] == f"tiny: a continuum of networks, 5 dimensions, varying {tmp_path / 'base.yaml'}"
    assert lines[1] == "budget: 90 to 100 % of 900 parameters"
    assert lines[4] == "the base: 874 parameters, 21,552 multiply-adds, the first network"
    assert (
        lines[5]
        == "trainings: at least about 5 of 1 epoch, 2 of 2 epochs: 9 epochs, and more if networks become better"
    )
    assert lines[6] == "finalists and winner: at most 12 epochs"
