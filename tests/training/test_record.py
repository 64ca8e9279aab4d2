"""The record follows events: what a run was begun with, and each time it was resumed."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import Cli
from tests.support.trainings import StopAfter
from tinymnist import load_run, load_spec, train
from tinymnist.errors import Interrupted
from tinymnist.notices import Difference, Notice, ResumedElsewhere
from tinymnist.spec.digest import spec_digest
from tinymnist.training import Observer, Run, naming, resume, train_series


@pytest.fixture(scope="module")
def interrupted(quick: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that stands at step 3 of its second epoch. Not to be changed."""
    output = tmp_path_factory.mktemp("interrupted")
    spec = load_spec(quick, ["train.engine=torch"])
    with pytest.raises(Interrupted):
        train(spec, seed=1, dataset="mnist-5k", output=output, name="cut", threads=1, observer=StopAfter(13))
    return output / "cut"


@pytest.fixture
def cut(interrupted: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(interrupted, tmp_path / "cut"))


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}), encoding="utf-8")


class Noticing(Observer):
    def __init__(self) -> None:
        self.notices: list[Notice] = []

    def warned(self, notice: Notice) -> None:
        self.notices.append(notice)


def test_a_spec_that_says_something_else_is_refused(cli: Cli, cut: Path) -> None:
    spec = cut / "spec.yaml"
    spec.write_text(spec.read_text().replace("epochs: 2", "epochs: 20"))
    outcome = cli("train", "--resume", cut)
    assert (outcome.code, outcome.err) == (
        3,
        f"tinymnist: {spec}: has changed since the training began: put it back, or train it as a new run\n",
    )


def test_the_spec_of_a_finished_run_is_held_to_its_digest_too(cli: Cli, small_run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(small_run, tmp_path / "run"))
    (run / "spec.yaml").write_text((run / "spec.yaml").read_text().replace("mean: 0.1307", "mean: 0.9"))
    outcome = cli("evaluate", run)
    assert (outcome.code, "has changed since the training began" in outcome.err) == (3, True)


def test_comments_and_line_ends_may_change(cut: Path) -> None:
    spec = cut / "spec.yaml"
    spec.write_bytes(b"# mine\r\n" + spec.read_bytes().replace(b"\n", b"\r\n"))
    assert load_run(cut).environment.spec_sha256 == spec_digest(spec.read_text())


def test_a_series_is_held_to_its_spec(cli: Cli, quick: Path, tmp_path: Path) -> None:
    spec = load_spec(quick, ["train.epochs=1"])
    series = train_series(spec, [0], dataset="mnist-5k", output=tmp_path, name="series")
    path = series.path / "spec.yaml"
    path.write_text(path.read_text().replace("epochs: 1", "epochs: 3"))
    outcome = cli("train", "--resume", series.path, "--seeds", "1")
    assert (outcome.code, "has changed since the training began" in outcome.err) == (3, True)


def test_runs_of_earlier_versions_still_open(cut: Path) -> None:
    content = json.loads((cut / "environment.json").read_text())
    del content["spec_sha256"], content["sessions"]
    (cut / "environment.json").write_text(json.dumps(content))
    assert resume(cut).finished
    (session,) = load_run(cut).environment.sessions
    assert (session.epoch, session.step) == (1, 3)


def test_each_session_is_noted_without_a_warning_where_bits_are_the_same(cut: Path) -> None:
    before = load_run(cut).environment
    observer = Noticing()
    run = resume(cut, observer=observer)
    assert observer.notices == []
    assert run.environment == load_run(cut).environment
    assert run.environment.model_copy(update={"sessions": []}) == before
    (session,) = run.environment.sessions
    assert (session.epoch, session.step, session.engine, session.threads) == (1, 3, "torch", 1)
    assert session.versions == before.versions


def test_a_resumption_with_other_threads_or_versions_is_noted_and_warned_of(cut: Path) -> None:
    versions = load_run(cut).environment.versions
    edit(cut / "environment.json", versions={**versions, "torch": "1.0", "python": "3.0", "torchvision": "0.1"})
    observer = Noticing()
    with pytest.raises(Interrupted):
        resume(cut, threads=2, observer=_both(observer, StopAfter(1)))
    found = (Difference("threads", "1", "2"), Difference("torch", "1.0", versions["torch"]))
    assert observer.notices == [ResumedElsewhere(cut, found)]
    run = resume(cut, observer=observer)
    assert [session.threads for session in run.environment.sessions] == [2, 1]
    assert [session.step for session in run.environment.sessions] == [3, 4]
    assert run.environment.versions["torch"] == "1.0"


def _both(noticing: Noticing, stopping: StopAfter) -> Observer:
    stopping.warned = noticing.warned  # type: ignore[method-assign]
    return stopping


def test_names_that_nobody_asked_for_give_way(
    quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    class Noon(datetime):
        @classmethod
        def now(cls, tz: object = None) -> "Noon":
            return cls(2026, 1, 2, 12, 0, 0)

    monkeypatch.setattr(naming, "datetime", Noon)

    def run(rate: float) -> Run:
        spec = load_spec(quick, ["train.epochs=1", f"train.schedule.max_lr={rate}"])
        return train(spec, seed=3, dataset="mnist-5k", output=tmp_path)

    with ThreadPoolExecutor(3) as pool:
        names = {run.path.name for run in pool.map(run, (0.1, 0.2, 0.3))}
    made = "quick-20260102-120000-seed3"
    assert names == {made, f"{made}-2", f"{made}-3"}
    outcome = cli("train", "--arch", quick, "--dataset", "mnist-5k", "--output", tmp_path, "--name", made)
    assert (outcome.code, f"{made}: already exists: choose another --name" in outcome.err) == (2, True)
    series = [
        train_series(load_spec(quick, ["train.epochs=1"]), [0], dataset="mnist-5k", output=tmp_path) for _ in range(2)
    ]
    assert [each.path.name for each in series] == ["quick-20260102-120000-1seeds", "quick-20260102-120000-1seeds-2"]
