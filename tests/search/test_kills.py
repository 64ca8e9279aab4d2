"""The process that drives a search can die at any moment: gone on with, it finds the same networks."""

import json
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.nursery import TRIALS, Nursery
from tests.support.searches import SEARCH, write_search
from tinymnist.search.study import open_study
from tinymnist.training import load_run

pytestmark = pytest.mark.slow

SHORT = SEARCH.replace("trials: 5", "trials: 4").replace("keep: 2, seeds: 2", "keep: 1, seeds: 2")
PATHS_AND_TIMES = ("study", "run", "seconds")


def outcome_of(path: Path) -> dict[str, Any]:
    """Tables and result of a study, and the weights of every training, apart from paths and times."""
    result = json.loads((path / "result.json").read_text())
    for part in (result, *result["finalists"], *result["winners"]):
        for key in PATHS_AND_TIMES:
            part.pop(key, None)
    weights = {
        str(run.parent.relative_to(path)): load_run(run.parent).result.weights_sha256
        for run in path.rglob("weights.safetensors")
    }
    return {"result": result, "trials": (path / "trials.csv").read_text(), "weights": weights}


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_search(tmp_path_factory.mktemp("search"), SHORT)


@pytest.fixture(scope="module")
def uncut(nursery: Nursery, search: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], float]:
    """What a search finds that nothing happened to, and the seconds it takes."""
    nursery.ask({"import": "tinymnist.search.api"})
    output = tmp_path_factory.mktemp("uncut")
    life = nursery.live("search", search, "--jobs", 1, "--threads", 1, "--output", output)
    assert life.code == 0, life.err
    return outcome_of(output / "tiny"), life.seconds


def finish(nursery: Nursery, search: Path, output: Path) -> dict[str, Any]:
    """Goes on with a search until it ends."""
    study = output / "tiny"
    if study.exists():
        open_study(study)
        life = nursery.live("search", "--resume", study, "--jobs", 1)
    else:
        life = nursery.live("search", search, "--jobs", 1, "--threads", 1, "--output", output)
    assert (life.code, life.complaints) == (0, []), life.err
    return outcome_of(study)


def test_killed_at_any_moment_a_search_finds_the_same(
    nursery: Nursery, search: Path, uncut: tuple[dict[str, Any], float], tmp_path: Path
) -> None:
    expected, seconds = uncut
    moments = random.Random(0)
    for trial in range(TRIALS):
        output = tmp_path / str(trial)
        child = nursery.start("search", search, "--jobs", 1, "--threads", 1, "--output", output)
        time.sleep(moments.uniform(0, seconds))
        child.send(signal.SIGKILL)
        child.wait()
        assert finish(nursery, search, output) == expected


def test_killed_again_and_again_a_search_comes_to_its_end(
    nursery: Nursery, search: Path, uncut: tuple[dict[str, Any], float], tmp_path: Path
) -> None:
    expected, seconds = uncut
    moments = random.Random(1)
    for _ in range(min(TRIALS, 10)):
        begun = ["--resume", tmp_path / "tiny"] if (tmp_path / "tiny").exists() else [search, "--output", tmp_path]
        threads = [] if (tmp_path / "tiny").exists() else ["--threads", 1]
        child = nursery.start("search", *begun, "--jobs", 1, *threads)
        time.sleep(moments.uniform(0.2, 0.6) * seconds)
        child.send(signal.SIGKILL)
        child.wait()
    assert finish(nursery, search, tmp_path) == expected


def test_after_ctrl_c_it_says_how_to_go_on(
    nursery: Nursery, search: Path, uncut: tuple[dict[str, Any], float], tmp_path: Path
) -> None:
    child = nursery.start("search", search, "--jobs", 1, "--threads", 1, "--output", tmp_path)
    child.until_it_says("network 0: ")
    child.send(signal.SIGINT)
    life = child.wait()
    assert life.code == 130
    remedy = f"resume it with `tinymnist search --resume {tmp_path / 'tiny'}`"
    assert life.complaints == [f"tinymnist: stopped: {remedy}"]
    assert finish(nursery, search, tmp_path) == uncut[0]
