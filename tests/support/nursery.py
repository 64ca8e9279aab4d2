"""Runs hundreds of commands: a warm process forks a child for each call of the command line.

The imports take seconds, and happen only once. Otherwise a child is like `tinymnist ARGUMENTS…`: it has the same entry
point, its own session and its own signals; and its file system can be told to fail (`faults.c`).
"""

import ctypes
import importlib
import json
import os
import random
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinymnist import __main__
from tinymnist.data.catalogue import MNIST_5K
from tinymnist.data.finding import find_files
from tinymnist.data.formats import READERS
from tinymnist.signals import SIGNALS, leave_at_once_on_signals

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60.0
TRIALS = int(os.environ.get("TINYMNIST_FAULT_TRIALS", "4"))
"""How many random moments a test tries, and how many of the calls that can fail."""


def some_of(numbers: Sequence[int]) -> list[int]:
    """`TRIALS` of the numbers, drawn at random but the same every time; all of them from 50 trials on."""
    return sorted(random.Random(TRIALS).sample(numbers, len(numbers) if TRIALS >= 50 else min(TRIALS, len(numbers))))


@dataclass(frozen=True)
class Fault:
    """What happens at the `at`th call that changes something under `folder`."""

    folder: Path
    at: int = 0
    """Counted from 1; at 0 nothing happens, and the calls are only recorded."""
    error: int = 0
    """The `errno` with which the call fails; at 0 the process gets SIGKILL."""
    lasts: bool = False
    """Whether every later call fails too, as on a full disk."""


@dataclass
class Child:
    """A process that runs one command."""

    nursery: "Nursery"
    pid: int
    place: Path
    began: float = field(default_factory=time.monotonic)

    def send(self, number: signal.Signals) -> None:
        """Sends a signal. The process may have ended, but keeps its id until `wait`, so no other process gets it."""
        os.kill(self.pid, number)

    def until_it_says(self, words: str) -> None:
        """Waits until `words` appear on its stderr."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while words not in (self.place / "err").read_text():
            assert time.monotonic() < deadline, f"never said {words!r}"
            time.sleep(0.002)

    def wait(self) -> "Life":
        """Waits until it has ended, and returns how it went."""
        code = self.nursery.ask({"wait": self.pid})["code"]
        calls = self.place / "calls"
        return Life(
            code,
            (self.place / "out").read_text(),
            (self.place / "err").read_text(),
            [tuple(line.split("\t")) for line in calls.read_text().splitlines()] if calls.exists() else [],
            time.monotonic() - self.began,
        )


@dataclass(frozen=True)
class Life:
    """How a command went."""

    code: int
    """Exit code; -9 if SIGKILL ended it."""
    out: str
    err: str
    calls: list[tuple[str, ...]]
    """With a `Fault`: (what, path, new path) of each counted call, relative to its folder."""
    seconds: float

    @property
    def complaints(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.startswith("tinymnist: ")]


class Nursery:
    """The interface to the warm process."""

    def __init__(self, work: Path) -> None:
        self._work, self._lives = work, 0
        self.library = _faults_library(work)
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
        if self.library is not None:
            environment["LD_PRELOAD"] = str(self.library)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=ROOT,
        )

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def start(self, *arguments: object, fault: Fault | None = None, prepare: tuple[object, ...] = ()) -> Child:
        """Starts `tinymnist ARGUMENTS…`. `prepare` is the name of a function in `preparations`, which the child calls
        first, and its arguments."""
        self._lives += 1
        place = self._work / str(self._lives)
        place.mkdir()
        for stream in ("out", "err"):  # a child may be killed before it opens them
            (place / stream).touch()
        request = {
            "place": str(place),
            "arguments": [str(argument) for argument in arguments],
            "fault": fault and [str(fault.folder), fault.at, fault.error, fault.lasts],
            "prepare": prepare,
        }
        return Child(self, self.ask(request)["pid"], place)

    def live(self, *arguments: object, fault: Fault | None = None, prepare: tuple[object, ...] = ()) -> Life:
        """Runs `tinymnist ARGUMENTS…` until it ends; see `start`."""
        return self.start(*arguments, fault=fault, prepare=prepare).wait()

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()


def _faults_library(work: Path) -> Path | None:
    """`faults.c`, compiled; None where that is not possible."""
    library = work / "faults.so"
    command = ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(Path(__file__).with_name("faults.c")), "-ldl"]
    try:
        compiled = sys.platform == "linux" and subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        return None
    return library if compiled else None


# In the warm process


def main() -> None:
    _warm_up()
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        request = json.loads(line)
        answer = _answer(request)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _answer(request: dict[str, Any]) -> dict[str, int]:
    if "import" in request:
        importlib.import_module(request["import"])
        return {}
    return {"code": _wait(request["wait"])} if "wait" in request else {"pid": _begin(request)}


def _warm_up() -> None:
    """Imports what every command imports, and reads the images that every test trains on."""
    importlib.import_module("tinymnist.cli")
    importlib.import_module("tinymnist.training")
    read = READERS["mnist-5k"]
    splits = read([*find_files(MNIST_5K, Path()).values()])
    READERS["mnist-5k"] = lambda _: splits
    importlib.import_module("torch._dynamo")  # the first optimizer of a process imports it


def _begin(request: dict[str, Any]) -> int:
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # until the child handles them
    pid = os.fork()
    if pid == 0:
        try:
            leave_at_once_on_signals(__main__._last_words)  # what `main` begins with
            code = _live(request)
        except BaseException:  # a child never returns to the parent's loop
            traceback.print_exc()
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    return pid


def _live(request: dict[str, Any]) -> int:
    os.setsid()
    os.chdir(request["place"])
    for handle, name, flags in ((0, os.devnull, os.O_RDONLY), (1, "out", os.O_WRONLY), (2, "err", os.O_WRONLY)):
        os.dup2(os.open(name, flags | os.O_CREAT, 0o600), handle)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)  # their last words are written down from here on
    sys.argv = ["tinymnist", *request["arguments"]]
    if request["prepare"]:
        function, *given = request["prepare"]
        getattr(importlib.import_module("tests.support.preparations"), function)(*given)
    if request["fault"]:
        folder, at, error, lasts = request["fault"]
        ctypes.CDLL(None).faults_arm(folder.encode(), ctypes.c_long(at), error, int(lasts), b"calls")
    try:
        __main__.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def _wait(pid: int) -> int:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)


if __name__ == "__main__":
    main()
