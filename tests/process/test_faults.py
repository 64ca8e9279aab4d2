"""A full disk, a missing permission, a read-only folder: one line, exit code 3, and what was there is still there.

Each command is tried with its first change of a file failing, then with its second, and so on until none is left.
"""

import errno
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from tests.support.command_line import ARCHS, ROOT
from tests.support.image_sets import write_folders
from tests.support.nursery import Fault, Life, Nursery, some_of
from tests.support.trainings import Uncut, files_in, finish, outcome_of, training

pytestmark = pytest.mark.slow

ERRORS = {errno.ENOSPC: True, errno.EACCES: True, errno.EROFS: True, errno.EIO: False}
"""Whether each lasts, or comes once and is gone."""


NEVER_OVERWRITE = ("new", "predict")
"""Commands that refuse a file that already exists."""


@pytest.fixture(autouse=True)
def _faults(nursery: Nursery) -> None:
    if nursery.library is None:
        pytest.skip("needs Linux and a C compiler")


def failures(calls: list[tuple[str, ...]], folder: Path) -> Iterator[Fault]:
    """A fault at each of the calls but removals, which a full disk allows; the errors take turns."""
    places = [at for at, (what, *_) in enumerate(calls, start=1) if what != "remove"]
    for at in some_of(places):
        error = list(ERRORS)[at % len(ERRORS)]
        yield Fault(folder / str(at), at, error, ERRORS[error])


def assert_refused(life: Life, fault: Fault) -> None:
    """Exit code 3 and one line that says why, and no file that is half-written."""
    assert (life.code, life.out) == (3, ""), (life.err, life.calls[fault.at - 1])
    assert len(life.complaints) == 1
    assert life.err.endswith(life.complaints[0] + "\n")
    assert os.strerror(fault.error) in life.complaints[0]
    assert [name for name in files_in(fault.folder) if name.endswith(".tmp")] == []


def test_a_training_that_cannot_write_can_be_resumed(nursery: Nursery, uncut: Uncut, tmp_path: Path) -> None:
    for fault in failures(uncut.life.calls, tmp_path):
        arguments = uncut.arguments(fault.folder)
        assert_refused(nursery.live(*arguments, fault=fault), fault)
        assert not fault.folder.exists() or set(fault.folder.iterdir()) <= {fault.folder / "run"}
        assert finish(nursery, arguments, fault.folder / "run") == uncut.outcome


def test_a_resumed_training_that_cannot_write_can_be_resumed(nursery: Nursery, uncut: Uncut, tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    saved = [
        at for at, (what, _, new) in enumerate(uncut.life.calls, 1) if (what, new[-12:]) == ("rename", ".safetensors")
    ]
    died = nursery.live(*uncut.arguments(cut), fault=Fault(cut, saved[0] + 2))
    assert died.code == -signal.SIGKILL
    shutil.copytree(cut, tmp_path / "whole")
    whole = nursery.live("train", "--resume", tmp_path / "whole" / "run", fault=Fault(tmp_path / "whole"))
    assert outcome_of(tmp_path / "whole" / "run") == uncut.outcome
    for fault in failures(whole.calls, tmp_path):
        shutil.copytree(cut, fault.folder)
        assert_refused(nursery.live("train", "--resume", fault.folder / "run", fault=fault), fault)
        assert finish(nursery, [], fault.folder / "run") == uncut.outcome


def test_a_series_that_cannot_write_can_be_resumed(nursery: Nursery, quick: Path, tmp_path: Path) -> None:
    arguments = [*training(quick, "native", "--seeds", 2, "--jobs", 1, "--epochs", 1), "--output"]
    whole = nursery.live(*arguments, tmp_path / "whole", fault=Fault(tmp_path / "whole"))
    expected = outcome_of(tmp_path / "whole" / "run")
    for fault in failures(whole.calls, tmp_path):
        assert_refused(nursery.live(*arguments, fault.folder, fault=fault), fault)
        assert finish(nursery, [*arguments, fault.folder], fault.folder / "run", "--jobs", 1) == expected


@pytest.mark.parametrize("command", ["build", "new", "front", "data", "predict", "pack"])
def test_a_file_that_cannot_be_written_is_as_it_was(
    nursery: Nursery, small_run: Path, tmp_path: Path, command: str
) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text(f"{','.join(map(str, range(784)))}\n{','.join(['0'] * 784)}\n")

    def live(fault: Fault) -> Life:
        fault.folder.mkdir()
        file = fault.folder / {"front": "front.svg", "data": "sheet.png", "predict": "out.csv"}.get(command, "file")
        if command not in NEVER_OVERWRITE:
            file.write_text("before")
        arguments = {
            "build": ["build", ARCHS / "tiny3130.yaml", "--output", file],
            "new": ["new", file],
            "front": ["front", ROOT / "tinymnist" / "results", "--output", file],
            "data": ["data", "mnist-5k", "--output", file],
            "predict": ["predict", "smooth675", rows, "--output", file],
            "pack": [],
        }
        prepare = ("pack", str(small_run), str(file)) if command == "pack" else ()
        return nursery.live(*arguments[command], fault=fault, prepare=prepare)

    whole = live(Fault(tmp_path / "whole"))
    assert whole.code == 0
    assert [path.read_bytes() != b"before" for path in (tmp_path / "whole").iterdir()] == [True]
    for fault in failures(whole.calls, tmp_path):
        done = live(fault)
        assert_refused(done, fault)
        if done.calls[fault.at - 1][0] == "fsync" and any(what == "rename" for what, *_ in done.calls):
            continue  # written, but perhaps not for good: that is what the line says
        left = {path.name: path.read_text() for path in fault.folder.iterdir()}
        assert list(left.values()) == ([] if command in NEVER_OVERWRITE else ["before"])


@pytest.mark.parametrize("killed", [False, True], ids=["fails", "is killed"])
def test_a_cache_that_is_not_written_changes_nothing(nursery: Nursery, tmp_path: Path, killed: bool) -> None:
    images = np.arange(40, dtype=np.uint8).reshape(10, 2, 2)
    pets = write_folders(tmp_path / "pets", {"": (images, np.tile([0, 1], 5))}, ["cat", "dog"])

    def live(fault: Fault) -> Life:
        return nursery.live(
            "data", pets, fault=fault, prepare=("set_environment", {"XDG_CACHE_HOME": str(fault.folder)})
        )

    whole = live(Fault(tmp_path / "whole"))
    assert len([path for path in (tmp_path / "whole").rglob("*") if path.is_file()]) == 1
    for fault in failures(whole.calls, tmp_path):
        fault = Fault(fault.folder, fault.at) if killed else fault
        life = live(fault)
        if killed:
            assert life.code == -signal.SIGKILL
        else:
            assert (life.code, life.out, life.err) == (0, whole.out, whole.err)
            assert [name for name in files_in(fault.folder) if name.endswith(".tmp")] == []
        again = live(Fault(fault.folder))
        assert (again.code, again.out, again.err) == (0, whole.out, whole.err)


# Power loss cannot be tried here. What can be is the order in which files are written, synced and renamed.


@pytest.mark.parametrize("kind", ["run", "series"])
def test_nothing_is_in_place_before_it_is_on_the_disk(nursery: Nursery, quick: Path, tmp_path: Path, kind: str) -> None:
    seeds = ["--seed", 1] if kind == "run" else ["--seeds", 2, "--jobs", 1]
    life = nursery.live(*training(quick, "native", *seeds, "--output", tmp_path / "a" / "b"), fault=Fault(tmp_path))
    unsynced: set[str] = set()
    """Files written, and folders in which a name has changed, since they were last synced."""
    for what, path, new in life.calls:
        name = PurePosixPath(path)
        if what == "open":
            assert name.name.endswith(".tmp") or name.name == ".lock", "no file is written where it belongs"
        elif what == "write":
            unsynced.add(str(name))
        elif what == "fsync":
            unsynced.discard(str(name))
        elif what == "rename":
            assert {each for each in unsynced if PurePosixPath(each).is_relative_to(name)} == set()
            assert {each for each in unsynced if not each.endswith(".lock")} == set(), "one after the other"
            unsynced.add(str(PurePosixPath(new).parent))
        elif what == "mkdir" and not name.name.startswith("."):
            unsynced.add(str(name.parent))
    assert unsynced == set()
