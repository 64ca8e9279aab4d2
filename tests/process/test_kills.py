"""A process can die at any moment: its run opens, and goes on to the bits it would have had."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.support.nursery import TRIALS, Fault, Nursery, some_of
from tests.support.trainings import Uncut, files_in, finish, outcome_of, training

pytestmark = pytest.mark.slow


def test_killed_at_any_moment_a_training_ends_with_the_same_bits(
    nursery: Nursery, uncut: Uncut, tmp_path: Path
) -> None:
    moments = random.Random(uncut.engine)
    for trial in range(TRIALS):
        arguments = uncut.arguments(tmp_path / str(trial))
        child = nursery.start(*arguments)
        time.sleep(moments.uniform(0, uncut.life.seconds))
        child.send(signal.SIGKILL)
        child.wait()
        assert finish(nursery, arguments, tmp_path / str(trial) / "run") == uncut.outcome


def test_killed_at_each_change_of_its_files_a_training_ends_with_the_same_bits(
    nursery: Nursery, uncut: Uncut, tmp_path: Path
) -> None:
    assert len(uncut.life.calls) > 60
    for at in some_of(range(1, len(uncut.life.calls) + 1)):
        output = tmp_path / str(at)
        arguments = uncut.arguments(output)
        died = nursery.live(*arguments, fault=Fault(output, at))
        assert (died.code, len(died.calls)) == (-signal.SIGKILL, at)
        assert finish(nursery, arguments, output / "run") == uncut.outcome, died.calls[-1]


def test_a_training_that_is_killed_again_and_again_comes_to_its_end(
    nursery: Nursery, uncut: Uncut, tmp_path: Path
) -> None:
    arguments, run = uncut.arguments(tmp_path), tmp_path / "run"
    moments = random.Random(uncut.engine)
    for _ in range(min(TRIALS, 10)):
        child = nursery.start("train", "--resume", run) if run.exists() else nursery.start(*arguments)
        time.sleep(moments.uniform(0.3, 1) * uncut.life.seconds)
        child.send(signal.SIGKILL)
        child.wait()
    assert finish(nursery, arguments, run) == uncut.outcome


@pytest.fixture(scope="module")
def series(nursery: Nursery, quick: Path, tmp_path_factory: pytest.TempPathFactory) -> Uncut:
    """Three seeds in turn, that nothing happened to."""
    output, arguments = tmp_path_factory.mktemp("series"), training(quick, "native", "--seeds", 3)
    life = nursery.live(*arguments, "--jobs", 1, "--output", output, fault=Fault(output))
    assert life.code == 0, life.err
    return Uncut("native", life, outcome_of(output / "run"), arguments)


@pytest.mark.parametrize("jobs", [1, 2], ids=["in turn", "at once"])
def test_a_series_whose_parent_is_killed_is_resumed_at_once_as_a_whole(
    nursery: Nursery, series: Uncut, tmp_path: Path, jobs: int
) -> None:
    moments = random.Random(jobs)
    trials, seconds = (TRIALS, series.life.seconds) if jobs == 1 else (max(1, TRIALS // 25), 8.0)
    for trial in range(trials):
        arguments = [*series.arguments(tmp_path / str(trial)), "--jobs", jobs]
        child = nursery.start(*arguments)
        time.sleep(moments.uniform(0, seconds))
        child.send(signal.SIGKILL)  # workers live on for a moment, and write their last checkpoint
        child.wait()
        assert finish(nursery, arguments, tmp_path / str(trial) / "run", "--jobs", jobs) == series.outcome


# SIGINT and SIGTERM

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


@pytest.mark.parametrize("number", CODES, ids=["INT", "TERM"])
def test_a_signal_at_any_moment_ends_a_training_soon_and_in_one_line(
    nursery: Nursery, uncut: Uncut, tmp_path: Path, number: signal.Signals
) -> None:
    moments = random.Random(uncut.engine)
    for trial in range(min(TRIALS, 20)):
        output = tmp_path / str(trial)
        arguments = uncut.arguments(output)
        child = nursery.start(*arguments)
        time.sleep(moments.uniform(0, uncut.life.seconds))
        child.send(number)
        sent = time.monotonic()
        stopped = child.wait()
        assert time.monotonic() - sent < 5
        if stopped.out:  # it came after the result, which is whole
            assert stopped.code in (0, CODES[number], -number)
            assert stopped.out.splitlines()[-1] == uncut.life.out.splitlines()[-1]
        elif stopped.code:
            assert stopped.code == CODES[number]
            assert len(stopped.complaints) == 1
            assert stopped.err.endswith(stopped.complaints[0] + "\n")
        assert not output.exists() or set(output.iterdir()) <= {output / "run"}
        assert [name for name in files_in(output) if name.endswith(".tmp")] == []
        assert finish(nursery, arguments, output / "run") == uncut.outcome


@pytest.mark.parametrize("number", CODES, ids=["INT", "TERM"])
def test_the_second_signal_is_honoured_at_once(
    nursery: Nursery, uncut: Uncut, tmp_path: Path, number: signal.Signals
) -> None:
    for trial in range(min(TRIALS, 20)):
        output = tmp_path / str(trial)
        child = nursery.start(*uncut.arguments(output), prepare=("sleep_in_steps", 600))
        child.until_it_says("augmentation:")
        child.send(number)
        time.sleep(0.1)
        child.send(number)
        sent = time.monotonic()
        ended = child.wait()
        assert (ended.code, time.monotonic() - sent < 1) == (-number, True)
    assert finish(nursery, uncut.arguments(output), output / "run") == uncut.outcome


@pytest.mark.parametrize("number", CODES, ids=["INT", "TERM"])
def test_a_signal_while_a_network_is_compiled_leaves_neither_compiler_nor_files(
    nursery: Nursery, quick: Path, tmp_path: Path, number: signal.Signals
) -> None:
    compiler, started = tmp_path / "cc", tmp_path / "started"
    compiler.write_text(f'#!/bin/sh\ncase $* in *-shared*) echo $$ > {started}; sleep 60;; esac\nexec cc "$@"\n')
    compiler.chmod(0o700)
    environment = {"CC": str(compiler), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    child = nursery.start(
        *training(quick, "native", "--output", tmp_path / "runs"), prepare=("set_environment", environment)
    )
    while not started.exists() or not started.read_text():
        time.sleep(0.01)
    child.send(number)
    stopped = child.wait()
    assert (stopped.code, stopped.out, stopped.err) == (CODES[number], "", "tinymnist: interrupted\n")
    assert files_in(tmp_path / "cache") == []
    assert not (tmp_path / "runs").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)
