"""A worker process of this machine, which trains one task after another."""

import multiprocessing
import os
import signal
import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import wait as wait_for
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event

from tinymnist.notices import Notice
from tinymnist.training.observer import EpochRow, Observer, Step
from tinymnist.training.records import Result
from tinymnist.training.task import Task, train_task

LAST_SECONDS = 10.0
"""The time that a training has for its checkpoint after its parent has died."""

SECONDS_BETWEEN_STEPS = 10.0
"""The time after which a worker reports another step."""

Message = tuple[int, EpochRow | Step | Notice]
"""A report of a worker about the task with this key."""


@dataclass(frozen=True)
class _Worker:
    messages: "Queue[Message]"
    end: Event


_worker: list[_Worker] = []
_orphaned = threading.Event()
"""The parent has died."""


def begin_worker(messages: "Queue[Message]", end: Event) -> None:
    """Prepares a worker process, which reports to `messages` and stops its training once `end` is set."""
    if os.name == "posix":
        os.setpgid(0, 0)  # a Ctrl-C in the terminal reaches the parent alone, which then sets `end`
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # which forgets one that came while it was blocked
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        signal.signal(signal.SIGINT, handler)
    _worker.append(_Worker(messages, end))
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Ends this process after its parent has died; a training writes its checkpoint first."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait_for([parent.sentinel])
    _orphaned.set()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(LAST_SECONDS)
    os._exit(128 + signal.SIGTERM)


def train_in_worker(task: Task) -> Result:
    """Trains in a worker process."""
    try:
        return train_task(task, _Reporter(task.key, _worker[0]))
    finally:
        if _orphaned.is_set():  # else it would begin the next task
            os._exit(128 + signal.SIGTERM)


class _Reporter(Observer):
    """Reports to the parent, and stops the training, as SIGTERM does, once the parent asks for it."""

    def __init__(self, key: int, worker: _Worker) -> None:
        self._key, self._worker = key, worker
        self._told = False
        self._last_step = time.monotonic()

    def warned(self, notice: Notice) -> None:
        self._worker.messages.put((self._key, notice))

    def stepped(self, step: Step) -> None:
        if not self._told and self._worker.end.is_set():
            self._told = True
            os.kill(os.getpid(), signal.SIGTERM)
        if time.monotonic() - self._last_step > SECONDS_BETWEEN_STEPS:
            self._last_step = time.monotonic()
            self._worker.messages.put((self._key, step))

    def epoch_ended(self, row: EpochRow) -> None:
        self._worker.messages.put((self._key, row))
