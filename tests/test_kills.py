"""A process can die at any moment: its run opens, and goes on to the bits it would have had."""

import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.nursery import TRIALS, Fault, Life, Nursery, some_of
from tests.outcome import files_in, outcome_of
from tinymnist.training import load_run

pytestmark = pytest.mark.slow

ENGINES = ["native", "torch"]
EPOCHS = 6
Uncut = tuple[Life, dict[str, Any]]
"""How an undisturbed training went, and its outcome."""


def training(quick: Path, engine: str, output: Path, name: str = "run") -> list[object]:
    """With everything that a checkpoint can hold: dropout, augmentation, momentum and an average."""
    recipe = ["train.augment=[{ShiftScaleRotate: {rotate_limit: 12}}]", "train.ema={decay: 0.9}"]
    options = [part for text in recipe for part in ("--set", text)]
    where = ["--dataset", "mnist-5k", "--seed", 1, "--threads", 1, "--output", output, "--name", name]
    return ["train", "--arch", quick, "--epochs", EPOCHS, "--engine", engine, *options, *where]


def resumed(nursery: Nursery, run: Path) -> Life:
    return nursery.live("train", "--resume", run)


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def uncut(nursery: Nursery, quick: Path, engine: str, tmp_path_factory: pytest.TempPathFactory) -> Uncut:
    """A training that nothing happened to: how it went, and what it left."""
    output = tmp_path_factory.mktemp("uncut")
    nursery.live(*training(quick, engine, output, "first"))  # compiles
    life = nursery.live(*training(quick, engine, output), fault=Fault(output))
    assert life.code == 0, life.err
    return life, outcome_of(output / "run")


def go_on(nursery: Nursery, arguments: list[object], run: Path) -> dict[str, Any]:
    """Opens what a killed training left, trains it to its end, and says what is there then."""
    if run.exists():
        load_run(run)
        life = resumed(nursery, run)
    else:  # it died before its directory appeared, whole, by one rename
        life = nursery.live(*arguments)
    assert (life.code, life.complaints) == (0, []), life.err
    return outcome_of(run)


def test_killed_at_any_moment_a_training_ends_with_the_same_bits(
    nursery: Nursery, quick: Path, engine: str, uncut: Uncut, tmp_path: Path
) -> None:
    life, expected = uncut
    moments = random.Random(engine)
    for trial in range(TRIALS):
        arguments = training(quick, engine, tmp_path / str(trial))
        child = nursery.start(*arguments)
        time.sleep(moments.uniform(0, life.seconds))
        child.send(signal.SIGKILL)
        child.wait()
        assert go_on(nursery, arguments, tmp_path / str(trial) / "run") == expected


def test_killed_at_each_change_of_its_files_a_training_ends_with_the_same_bits(
    nursery: Nursery, quick: Path, engine: str, uncut: Uncut, tmp_path: Path
) -> None:
    life, expected = uncut
    assert len(life.calls) > 60
    for at in some_of(range(1, len(life.calls) + 1)):
        output = tmp_path / str(at)
        arguments = training(quick, engine, output)
        died = nursery.live(*arguments, fault=Fault(output, at))
        assert (died.code, died.calls) == (-signal.SIGKILL, died.calls[:at])
        assert go_on(nursery, arguments, output / "run") == expected, died.calls[-1]


def test_a_training_that_is_killed_again_and_again_comes_to_its_end(
    nursery: Nursery, quick: Path, engine: str, uncut: Uncut, tmp_path: Path
) -> None:
    life, expected = uncut
    arguments, run = training(quick, engine, tmp_path), tmp_path / "run"
    moments = random.Random(engine)
    for _ in range(TRIALS):
        child = nursery.start("train", "--resume", run) if run.exists() else nursery.start(*arguments)
        time.sleep(moments.uniform(0.3, 1) * life.seconds)
        child.send(signal.SIGKILL)
        child.wait()
    assert go_on(nursery, arguments, run) == expected


# SIGINT and SIGTERM

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


@pytest.mark.parametrize("number", CODES, ids=["INT", "TERM"])
def test_a_signal_at_any_moment_ends_a_training_soon_and_in_one_line(
    nursery: Nursery, quick: Path, engine: str, uncut: Uncut, tmp_path: Path, number: signal.Signals
) -> None:
    life, expected = uncut
    moments = random.Random(engine)
    for trial in range(min(TRIALS, 20)):
        arguments, run = training(quick, engine, tmp_path / str(trial)), tmp_path / str(trial) / "run"
        child = nursery.start(*arguments)
        time.sleep(moments.uniform(0, life.seconds))
        child.send(number)
        sent = time.monotonic()
        stopped = child.wait()
        assert time.monotonic() - sent < 5
        if stopped.code:
            assert (stopped.code, stopped.out) == (CODES[number], "")
            assert len(stopped.complaints) == 1
            assert stopped.err.endswith(stopped.complaints[0] + "\n")
        assert [name for name in files_in(run.parent) if name.endswith(".tmp")] == []
        assert not run.parent.exists() or set(run.parent.iterdir()) <= {run}
        assert go_on(nursery, arguments, run) == expected


def sleep_in_steps() -> None:
    """Called in a child: a step that takes much longer than anyone waits."""
    from tinymnist.training import engine

    for kind in (engine.NativeEngine, engine.TorchEngine):
        pytest.MonkeyPatch().setattr(kind, "step", lambda *_: time.sleep(600))


@pytest.mark.parametrize("number", CODES, ids=["INT", "TERM"])
def test_the_second_signal_is_honoured_at_once(
    nursery: Nursery, quick: Path, engine: str, uncut: Uncut, tmp_path: Path, number: signal.Signals
) -> None:
    life, expected = uncut
    arguments = training(quick, engine, tmp_path)
    child = nursery.start(*arguments, prepare=(__name__, "sleep_in_steps"))
    time.sleep(2 * life.seconds)
    child.send(number)
    time.sleep(0.2)
    child.send(number)
    sent = time.monotonic()
    ended = child.wait()
    assert time.monotonic() - sent < 1
    assert ended.code == -number
    assert go_on(nursery, arguments, tmp_path / "run") == expected
