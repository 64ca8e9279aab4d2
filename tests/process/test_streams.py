"""Streams that are not there, and readers that go away: every command works, and its exit code means what it says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command_line import ARCHS

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="closes descriptors by a POSIX shell")]
TINYMNIST = f"{sys.executable} -m tinymnist"
SIGPIPE = 128 + 13


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-c", line]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("list", 0),
        ("list --json", 0),
        (f"check {ARCHS}/tiny3130.yaml", 0),
        ("check nothing.yaml", 2),
        ("new x.yaml", 0),
    ],
    ids=["list", "list json", "check", "bad input", "new"],
)
def test_commands_work_without_streams(arguments: str, code: int, closed: str, tmp_path: Path) -> None:
    done = shell(f"{TINYMNIST} {arguments} {closed}", tmp_path)
    assert (done.returncode, "Traceback" in done.stdout + done.stderr) == (code, False)


def test_what_is_written_without_streams_is_whole(tmp_path: Path) -> None:
    """The file takes the number of no missing stream, so nothing else is written into it."""
    shell(f"{TINYMNIST} new first.yaml", tmp_path)
    shell(f"{TINYMNIST} new second.yaml <&- >&- 2>&-", tmp_path)
    first, second = ((tmp_path / f"{name}.yaml").read_text() for name in ("first", "second"))
    assert second == first.replace("name: first", "name: second")


@pytest.mark.parametrize("arguments", ["schema", "list", "list --json", f"check {ARCHS}"])
def test_a_reader_that_goes_away_is_not_a_failed_check(arguments: str, tmp_path: Path) -> None:
    done = shell(f"{TINYMNIST} {arguments} | true; echo ${{PIPESTATUS[0]}}", tmp_path)
    assert (int(done.stdout) in (0, SIGPIPE), done.stderr) == (True, "")


def test_a_broken_pipe_is_141(tmp_path: Path) -> None:
    """A pipe that is closed before anything is written."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "tinymnist", "list"], cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE, timeout=60
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (SIGPIPE, b"")
