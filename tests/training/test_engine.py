"""Engines in training: which one trains, and the torch engine where the native one cannot be had."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import ARCHS, Cli
from tests.support.trainings import StopAfter
from tinymnist import Spec, load_spec, train
from tinymnist.notices import NativeEngineUnavailable, Notice
from tinymnist.training import Observer, resume


class Told(Observer):
    def __init__(self) -> None:
        self.notices: list[Notice] = []

    def warned(self, notice: Notice) -> None:
        self.notices.append(notice)


@pytest.fixture
def quick() -> Spec:
    return load_spec(ARCHS / "tiny3130.yaml", ["train.epochs=1", "train.augment=[]"])


@pytest.fixture
def broken_compilers(tmp_path: Path) -> dict[str, str]:
    script = tmp_path / "broken-cc"
    script.write_text('#!/bin/sh\ncase "$*" in *-dM*) exec cc "$@";; esac\necho \'error: cannot\' >&2\nexit 1\n')
    script.chmod(0o755)
    return {"missing": "no-such-compiler", "useless": "false", "broken": str(script)}


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("missing", "no C compiler: `no-such-compiler` was not found"),
        ("useless", "`false` fails: 1"),
        ("broken", "broken-cc` fails: error: cannot"),
    ],
)
def test_without_a_working_compiler_torch_trains_and_a_warning_says_why(
    quick: Spec,
    kind: str,
    reason: str,
    broken_compilers: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CC", broken_compilers[kind])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "fresh"))
    told = Told()
    run = train(quick, seed=1, dataset="mnist-5k", output=tmp_path, name="run", device="cpu", observer=told)
    assert run.environment.engine == "torch"
    (notice,) = told.notices
    assert isinstance(notice, NativeEngineUnavailable)
    assert notice.problem.endswith(reason)


def test_where_the_cache_cannot_be_written_torch_trains(
    quick: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    told = Told()
    run = train(quick, seed=1, dataset="mnist-5k", output=tmp_path, name="run", device="cpu", observer=told)
    assert (run.environment.engine, len(told.notices)) == ("torch", 1)


@pytest.mark.parametrize("engine", ["torch", "native"])
def test_the_run_records_the_engine_that_was_asked_for(cli: Cli, engine: str, tmp_path: Path) -> None:
    options = [
        "--arch",
        "tiny3130",
        "--epochs",
        "1",
        "--batch-size",
        "500",
        "--dataset",
        "mnist-5k",
        "--set",
        "train.augment=[]",
        "--name",
        "run",
    ]
    outcome = cli("train", *options, "--engine", engine, "--output", tmp_path)
    assert outcome.code == 0
    assert f"engine: {engine}" in outcome.err
    assert json.loads((tmp_path / "run" / "environment.json").read_text())["engine"] == engine


def test_an_unknown_engine_is_refused(cli: Cli) -> None:
    outcome = cli("train", "--arch", "tiny3130", "--engine", "fast")
    assert outcome.code == 2
    assert "'--engine': 'fast' is not one of 'auto', 'torch', 'native'" in outcome.err


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["torch", "native"])
def test_a_checkpoint_does_not_know_the_engine(quick: Spec, engine: str, tmp_path: Path) -> None:
    """A run begun natively goes on without a compiler, and the other way round."""
    from tinymnist.errors import Interrupted

    spec = load_spec(ARCHS / "tiny3130.yaml", ["train.epochs=2", "train.augment=[]", f"train.engine={engine}"])
    with pytest.raises(Interrupted):
        train(spec, seed=1, dataset="mnist-5k", output=tmp_path, name="run", observer=StopAfter(9))
    record = tmp_path / "run" / "environment.json"
    other = {"torch": "native", "native": "torch"}[engine]
    numerics = {"torch": "own: PyTorch", "native": "portable-1"}[other]
    record.write_text(json.dumps({**json.loads(record.read_text()), "engine": other, "numerics": numerics}))
    assert resume(tmp_path / "run").result.epochs == 2


def one_epoch(engine: str, folder: Path, mnist_dir: Path) -> Iterator[float]:
    for seed in (0, 1):
        spec = load_spec(ARCHS / "tiny3130.yaml", ["train.epochs=1", "train.augment=[]", f"train.engine={engine}"])
        run = train(spec, seed=seed, dataset="mnist", data_dir=mnist_dir, output=folder, name=f"{engine}{seed}")
        yield run.result.accuracy


@pytest.mark.slow
def test_one_epoch_on_mnist_passes_96_percent(tmp_path: Path, mnist_dir: Path) -> None:
    assert [accuracy > 96 for accuracy in one_epoch("native", tmp_path, mnist_dir)] == [True, True]
