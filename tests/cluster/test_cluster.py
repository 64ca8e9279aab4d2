"""Trainings on a cluster of real processes: the same bits as on one machine, whatever dies meanwhile."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.clusters import PATIENCE_SECONDS, Cluster, make_certificates
from tests.support.nursery import TRIALS
from tests.support.searches import BASE, SEARCH, write_search
from tinymnist.search.study import open_study
from tinymnist.training import Series, open_run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux" or shutil.which("openssl") is None, reason="needs Linux and openssl"),
]

SEEDS = 6


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


@contextmanager
def two_workers(certificates: Path, folder: Path) -> Iterator[Cluster]:
    """A scheduler with two workers."""
    folder.mkdir()
    found = Cluster(folder, certificates)
    try:
        found.start_scheduler()
        found.start_worker()
        found.start_worker()
        yield found
    finally:
        found.stop()


@pytest.fixture
def cluster(certificates: Path, tmp_path: Path) -> Iterator[Cluster]:
    with two_workers(certificates, tmp_path / "cluster") as found:
        yield found


@pytest.fixture(scope="module")
def arch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that trains for some seconds."""
    path = tmp_path_factory.mktemp("arch") / "small.yaml"
    path.write_text(BASE.replace("name: base", "name: small").replace("epochs: 3", "epochs: 20"))
    return path


def training(arch: Path, output: Path, *more: object) -> list[str]:
    given = ["--dataset", "digits-8x8", "--validation", 300, "--seeds", SEEDS, "--output", output, "--name", "run"]
    return list(map(str, ["train", arch, *given, *more]))


@dataclass
class Driver:
    """A process that runs `tinymnist ARGUMENTS…`."""

    process: "subprocess.Popen[bytes]"
    out: Path
    err: Path

    def until_it_says(self, words: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while words not in self.err.read_text():
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"never said {words!r}: {self.err.read_text()[-2000:]}")
            time.sleep(0.02)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def ended(self) -> tuple[int, str, str]:
        """Exit code, stdout and stderr in the end."""
        try:
            code = self.process.wait(timeout=300)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not end: {self.err.read_text()[-2000:]}") from None
        return code, self.out.read_text(), self.err.read_text()


def start(arguments: list[str], folder: Path, environment: dict[str, str] | None = None) -> Driver:
    """Starts `tinymnist ARGUMENTS…` in a process of its own."""
    place = Path(tempfile.mkdtemp(dir=folder))
    with open(place / "out", "wb") as out, open(place / "err", "wb") as err:
        command = [sys.executable, "-m", "tinymnist", *arguments]
        variables = {**os.environ, **(environment or {})}
        process = subprocess.Popen(command, stdout=out, stderr=err, cwd=folder, env=variables, start_new_session=True)
    return Driver(process, place / "out", place / "err")


def outcome_of(path: Path) -> dict[str, Any]:
    series = open_run(path)
    assert isinstance(series, Series)
    weights = {run.environment.seed: run.result.weights_sha256 for run in series.runs}
    return {"weights": weights, "result": series.result.model_dump(exclude={"run", "seconds"})}


@pytest.fixture(scope="module")
def expected(arch: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one machine trains."""
    output = tmp_path_factory.mktemp("expected")
    code, _, err = start(training(arch, output, "--jobs", 1, "--threads", 1), output).ended()
    assert code == 0, err
    return outcome_of(output / "run")


def resume(cluster: Cluster, output: Path) -> dict[str, Any]:
    code, _, err = start(["train", "--resume", str(output / "run"), *cluster.options], output).ended()
    assert code == 0, err
    return outcome_of(output / "run")


def test_a_cluster_trains_the_same_bits_as_one_machine(
    cluster: Cluster, arch: Path, tmp_path: Path, expected: dict[str, Any]
) -> None:
    code, out, err = start(training(arch, tmp_path, *cluster.options), tmp_path).ended()
    assert code == 0, err
    assert outcome_of(tmp_path / "run") == expected
    run = open_run(tmp_path / "run" / "seed-0")
    assert run.result.run == str(tmp_path / "run" / "seed-0")
    assert f"seed 0: {run.result.accuracy:.2f} %" in err  # type: ignore[union-attr]
    assert f"run: {tmp_path / 'run'}" in out


def test_workers_that_are_killed_cost_nothing_but_time(
    cluster: Cluster, arch: Path, tmp_path: Path, expected: dict[str, Any]
) -> None:
    moments = random.Random(0)
    for trial in range(min(TRIALS, 20)):
        output = tmp_path / str(trial)
        driver = start(training(arch, output, *cluster.options), tmp_path)
        time.sleep(moments.uniform(3, 8))
        os.kill(cluster.worker_process(moments.randrange(2)), signal.SIGKILL)
        code, _, err = driver.ended()
        assert code == 0, err
        assert outcome_of(output / "run") == expected


def test_tasks_whose_workers_have_all_gone_are_trained_by_others(
    certificates: Path, arch: Path, tmp_path: Path, expected: dict[str, Any]
) -> None:
    (tmp_path / "cluster").mkdir()
    cluster = Cluster(tmp_path / "cluster", certificates)
    try:
        cluster.start_scheduler()
        cluster.start_worker()
        driver = start(training(arch, tmp_path, *cluster.options), tmp_path)
        driver.until_it_says(", epoch 2: ")
        cluster.start_worker()
        cluster.lose_worker(0)
        code, _, err = driver.ended()
    finally:
        cluster.stop()
    assert code == 0, err
    assert outcome_of(tmp_path / "run") == expected


def test_a_worker_that_vanishes_without_a_word_is_given_up(
    cluster: Cluster, arch: Path, tmp_path: Path, expected: dict[str, Any]
) -> None:
    driver = start(training(arch, tmp_path, *cluster.options), tmp_path)
    driver.until_it_says("seed 1, epoch 2: ")
    process = cluster.worker_process(0)
    os.kill(cluster.workers[0].pid, signal.SIGSTOP)
    os.kill(process, signal.SIGSTOP)
    code, _, err = driver.ended()
    assert code == 0, err
    assert outcome_of(tmp_path / "run") == expected


def test_a_driver_that_is_killed_goes_on_where_it_was(
    cluster: Cluster, arch: Path, tmp_path: Path, expected: dict[str, Any]
) -> None:
    moments = random.Random(0)
    for trial in range(min(TRIALS, 20)):
        output = tmp_path / str(trial)
        driver = start(training(arch, output, *cluster.options), tmp_path)
        time.sleep(moments.uniform(4, 10))
        driver.kill()
        if not (output / "run").exists():
            start(training(arch, output, *cluster.options), tmp_path).ended()
        assert resume(cluster, output) == expected


def test_after_ctrl_c_the_workers_are_free_for_others(
    cluster: Cluster, arch: Path, tmp_path: Path, expected: dict[str, Any]
) -> None:
    driver = start(training(arch, tmp_path / "long", *cluster.options, "--epochs", 100_000), tmp_path)
    driver.until_it_says(", epoch 2: ")  # of whichever two seeds are trained first
    driver.process.send_signal(signal.SIGINT)
    code, _, err = driver.ended()
    assert code == 130
    assert err.splitlines()[-1].startswith("tinymnist: stopped: resume it with `tinymnist train --resume")
    assert start(training(arch, tmp_path, *cluster.options), tmp_path).ended()[0] == 0
    assert outcome_of(tmp_path / "run") == expected


def test_a_scheduler_that_is_gone_is_one_line_and_nothing_is_lost(
    cluster: Cluster, arch: Path, tmp_path: Path, expected: dict[str, Any]
) -> None:
    driver = start(training(arch, tmp_path, *cluster.options), tmp_path)
    driver.until_it_says("seed 1, epoch 2: ")
    assert cluster.scheduler is not None
    cluster.scheduler.kill()
    code, _, err = driver.ended()
    assert (code, err.splitlines()[-1]) == (
        3,
        f"tinymnist: {cluster.address}: the scheduler is gone: start it again, then resume",
    )
    assert "Traceback" not in err
    cluster.stop()
    cluster.start_scheduler(cluster.port)
    cluster.start_worker()
    assert resume(cluster, tmp_path) == expected


BROKEN_HANDSHAKE = """
from distributed import Client

async def fails(self, timeout=None):
    raise ValueError("IOStream is not idle; cannot convert to SSL")

async def reconnect(self, before=Client._reconnect):
    type(self)._ensure_connected = fails
    await before(self)

Client._reconnect = reconnect
"""
"""What Tornado raises, and Dask does not expect, where a connection breaks as it is made."""


def test_a_connection_that_breaks_as_it_is_made_again_is_one_line(cluster: Cluster, arch: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(BROKEN_HANDSHAKE)
    driver = start(training(arch, tmp_path, *cluster.options), tmp_path, {"PYTHONPATH": str(tmp_path)})
    driver.until_it_says("seed 1, epoch 2: ")
    cluster.stop()
    code, _, err = driver.ended()
    assert (code, err.splitlines()[-1]) == (
        3,
        f"tinymnist: {cluster.address}: the scheduler is gone: start it again, then resume",
    )
    assert "Traceback" not in err


def test_a_series_goes_on_at_another_scheduler_that_has_work_of_its_own(
    cluster: Cluster, certificates: Path, arch: Path, tmp_path: Path, expected: dict[str, Any]
) -> None:
    with two_workers(certificates, tmp_path / "other") as other:
        neighbour = start(training(arch, tmp_path / "neighbour", *other.options), tmp_path)
        driver = start(training(arch, tmp_path, *cluster.options), tmp_path)
        driver.until_it_says("seed 1, epoch 2: ")
        cluster.stop()
        assert driver.ended()[0] == 3
        assert resume(other, tmp_path) == expected
        assert neighbour.ended()[0] == 0
        assert outcome_of(tmp_path / "neighbour" / "run") == expected


def test_a_worker_with_another_version_is_named_and_not_used(
    cluster: Cluster, arch: Path, tmp_path: Path, expected: dict[str, Any]
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import tinymnist.version\ntinymnist.version.__version__ = '9.9.9'\n")
    cluster.start_worker({"PYTHONPATH": str(tmp_path)})
    code, _, err = start(training(arch, tmp_path, *cluster.options), tmp_path).ended()
    assert code == 0, err
    (named,) = [line for line in err.splitlines() if line.startswith("WARNING: tls://")]
    assert "this worker has tinymnist 9.9.9 and torch" in named
    assert outcome_of(tmp_path / "run") == expected


def test_images_that_a_worker_does_not_find_are_sent(cluster: Cluster, arch: Path, tmp_path: Path) -> None:
    import numpy as np

    random_images = np.random.default_rng(0)
    labels = np.arange(60) % 10
    arrays = {f"x_{part}": random_images.integers(0, 256, (60, 8, 8), np.uint8) for part in ("train", "test")}
    np.savez(tmp_path / "mine.npz", **arrays, y_train=labels, y_test=labels)  # type: ignore[arg-type]
    given = ["--dataset", "mine.npz", "--seeds", 3, "--epochs", 2]  # a path that means nothing to the workers
    for name, how in (("there", cluster.options), ("here", ["--jobs", 1, "--threads", 1])):
        command = ["train", arch, *given, "--name", name, "--output", tmp_path, *how]
        code, _, err = start(list(map(str, command)), tmp_path).ended()
        assert code == 0, err
    assert outcome_of(tmp_path / "there") == outcome_of(tmp_path / "here")
    run = open_run(tmp_path / "there" / "seed-0")
    assert run.result.dataset == "mine.npz"


def test_a_search_on_a_cluster_stays_within_its_budget(cluster: Cluster, tmp_path: Path) -> None:
    file = write_search(tmp_path, SEARCH.replace("keep: 2, seeds: 2", "keep: 1, seeds: 2"))
    code, _, err = start(["search", str(file), "--output", str(tmp_path), *cluster.options], tmp_path).ended()
    assert code == 0, err
    result = open_study(tmp_path / "tiny").result
    assert (result.trials, result.winners[0].n) == (5, 2)
    assert 810 <= result.winners[0].parameters <= 900


def test_submissions_are_graded_on_a_cluster_as_here(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "assignment.yaml").write_text("{name: a, dataset: digits-8x8, seeds: [1, 2], target: {accuracy: 50}}")
    folder = tmp_path / "handed-in"
    folder.mkdir()
    (folder / "good.yaml").write_text(BASE)
    (folder / "slow.yaml").write_text(BASE.replace("epochs: 3", "epochs: 5000"))
    (folder / "diverging.yaml").write_text(BASE.replace("max_lr: 0.1", "max_lr: 100000"))
    command = ["grade", str(tmp_path / "assignment.yaml"), str(folder), "--limit", "15", "--format", "json"]
    code, out, err = start([*command, "--output", str(tmp_path / "there"), *cluster.options], tmp_path).ended()
    assert code == 0, err
    assert [grade["status"] for grade in json.loads(out)["grades"]] == ["diverged", "graded", "too slow"]
    (folder / "slow.yaml").unlink()
    _, here, _ = start([*command, "--output", str(tmp_path / "here")], tmp_path).ended()
    assert json.loads(here)["grades"][1]["accuracies"] == json.loads(out)["grades"][1]["accuracies"]


def test_a_cluster_without_workers_is_waited_for(certificates: Path, arch: Path, tmp_path: Path) -> None:
    (tmp_path / "cluster").mkdir()
    cluster = Cluster(tmp_path / "cluster", certificates)
    try:
        cluster.start_scheduler()
        driver = start(training(arch, tmp_path, *cluster.options), tmp_path)
        time.sleep(20)
        cluster.start_worker()
        code, _, err = driver.ended()
    finally:
        cluster.stop()
    assert code == 0, err
    assert f"{cluster.address}: no worker yet that can be used" in err


def test_a_cluster_of_this_machine_is_started_and_ended(arch: Path, tmp_path: Path, expected: dict[str, Any]) -> None:
    code, _, err = start(training(arch, tmp_path, "--scheduler", "local:2"), tmp_path).ended()
    assert code == 0, err
    assert outcome_of(tmp_path / "run") == expected


def test_no_scheduler_is_one_line(certificates: Path, arch: Path, tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, certificates, "tls://127.0.0.1:9")
    code, out, err = start(training(arch, tmp_path, *cluster.options), tmp_path).ended()
    assert (code, out) == (3, "")
    (line,) = err.splitlines()
    assert line.startswith("tinymnist: tls://127.0.0.1:9: no scheduler answers")
    assert not (tmp_path / "run").exists()
