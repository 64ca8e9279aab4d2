"""One training in a run directory: exactly one, the other is told whose it is, and the dead hold nothing."""

import os
import platform
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from tests.support.nursery import TRIALS, Nursery
from tests.support.trainings import Uncut, outcome_of
from tinymnist.errors import RunError
from tinymnist.training import lock
from tinymnist.training.lock import locked

ROUNDS = min(TRIALS, 20)


@pytest.fixture
def begun(nursery: Nursery, uncut: Uncut, tmp_path: Path) -> Path:
    """A run that has hardly begun when it is killed."""
    child = nursery.start(*uncut.arguments(tmp_path), prepare=("sleep_in_steps", 600))
    child.until_it_says("augmentation:")
    child.send(signal.SIGKILL)
    child.wait()
    return tmp_path / "run"


@pytest.mark.slow
def test_of_two_at_once_one_trains_and_the_other_says_who(
    nursery: Nursery, uncut: Uncut, begun: Path, tmp_path: Path
) -> None:
    for trial in range(ROUNDS):
        run = shutil.copytree(begun, tmp_path / str(trial))
        children = [nursery.start("train", "--resume", run, prepare=("sleep_in_steps", 0.1)) for _ in range(2)]
        lives = {child.pid: child.wait() for child in children}
        (winner, won), (_, lost) = sorted(lives.items(), key=lambda life: life[1].code)
        assert (won.code, lost.code) == (0, 2)
        who = f"tinymnist: {run}: process {winner} is training here: wait for it, or stop it first\n"
        assert (lost.out, lost.err) == ("", who)
        assert outcome_of(run) == uncut.outcome


@pytest.mark.slow
def test_of_two_with_one_name_one_trains(nursery: Nursery, uncut: Uncut, tmp_path: Path) -> None:
    for trial in range(ROUNDS):
        output = tmp_path / str(trial)
        lives = [child.wait() for child in [nursery.start(*uncut.arguments(output)) for _ in range(2)]]
        won, lost = sorted(lives, key=lambda life: life.code)
        assert (won.code, lost.code) == (0, 2)
        assert lost.complaints[0].startswith(f"tinymnist: {output / 'run'}: already exists: choose another --name")
        assert list(output.iterdir()) == [output / "run"]
        assert outcome_of(output / "run") == uncut.outcome


@pytest.mark.slow
def test_the_lock_of_a_dead_process_gives_way(nursery: Nursery, uncut: Uncut, begun: Path, tmp_path: Path) -> None:
    for trial in range(ROUNDS):
        run = shutil.copytree(begun, tmp_path / str(trial))
        owner = nursery.start("train", "--resume", run, prepare=("sleep_in_steps", 600))
        owner.until_it_says("augmentation:")
        assert (run / ".holder").read_text() == f"{owner.pid} {platform.node()}\n"
        owner.send(signal.SIGKILL)
        owner.wait()
        assert nursery.live("train", "--resume", run).code == 0
        assert outcome_of(run) == uncut.outcome


def test_a_note_with_the_number_of_a_living_process_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / ".holder").write_text(f"{os.getppid()} {platform.node()}\n")
    with locked(tmp_path):
        assert (tmp_path / ".holder").read_text() == f"{os.getpid()} {platform.node()}\n"
    assert not (tmp_path / ".holder").exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only there can it be told who has a file open")
@pytest.mark.parametrize(
    "note",
    [
        f"{os.getppid()} {platform.node()}\n",
        f"4194304 {platform.node()}\n",
        "",
        "1",
        "\0\xff",
        "-1 x\n",
        "1 \x1b[31m\n",
    ],
    ids=["another process", "a dead one", "empty", "cut short", "no text", "no number", "escapes"],
)
def test_who_does_not_have_the_lock_is_never_named(tmp_path: Path, note: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "NOTE_SECONDS", 0.1)
    (tmp_path / ".holder").write_bytes(note.encode("latin-1"))
    with FileLock(tmp_path / ".lock"), pytest.raises(RunError) as refused, locked(tmp_path):
        pass
    assert str(refused.value) == f"{tmp_path}: another process is training here: wait for it, or stop it first"


def test_a_process_on_another_machine_is_named_with_it(tmp_path: Path) -> None:
    (tmp_path / ".holder").write_text("17 far.example\n")
    with (
        FileLock(tmp_path / ".lock"),
        pytest.raises(RunError, match=r"process 17 on far\.example is training here"),
        locked(tmp_path),
    ):
        pass


def test_what_killed_processes_were_writing_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".0123456789abcdef.tmp").write_text("half")
    (tmp_path / "mine.tmp").touch()
    with locked(tmp_path):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "mine.tmp"]


def test_the_lock_does_not_outlive_its_process_in_a_child_of_it(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys; from pathlib import Path; from tinymnist.training.lock import locked\n"
        f"with locked(Path({str(tmp_path)!r})):\n"
        "    child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)\n"
        "    print(child.pid, flush=True); input()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        owner.kill()
        owner.wait()
        with locked(tmp_path):
            pass
