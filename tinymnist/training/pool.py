"""Several trainings at once, in processes of this machine."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.queues import Queue
from queue import Empty

from tinymnist.errors import DataError, TinyMnistError, UsageError
from tinymnist.training.observer import EpochRow, Step
from tinymnist.training.records import Result
from tinymnist.training.task import Task
from tinymnist.training.worker import Message, begin_worker, train_in_worker
from tinymnist.training.workers import Ended, Told, Workers

POLL_SECONDS = 0.2


class Pool(Workers):
    """Processes of this machine, each of which trains one task at a time."""

    def __init__(self, jobs: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._messages: Queue[Message] = context.Queue()
        self._end = context.Event()
        self._executor = ProcessPoolExecutor(jobs, context, begin_worker, (self._messages, self._end))
        self._pending: dict[Future[Result], Task] = {}
        self._jobs = jobs

    @property
    def slots(self) -> int:
        return self._jobs

    def close(self) -> None:
        self.stop()
        self._executor.shutdown()

    @property
    def busy(self) -> int:
        return len(self._pending)

    def submit(self, tasks: Sequence[Task]) -> None:
        with _interrupts_blocked():  # a Ctrl-C while workers start must reach this process alone
            self._pending |= {self._executor.submit(train_in_worker, task): task for task in tasks}

    def ended(self, observer: Told) -> list[Ended]:
        done, _ = wait(self._pending, POLL_SECONDS, FIRST_COMPLETED)
        _forward(self._messages, observer)
        return [(task, _outcome(future, task)) for future in done for task in (self._pending.pop(future),)]

    def stop(self) -> None:
        if not self._end.is_set():
            self._end.set()
            self._pending = {future: task for future, task in self._pending.items() if not future.cancel()}


def _outcome(future: "Future[Result]", task: Task) -> Result | TinyMnistError:
    try:
        return future.result()
    except TinyMnistError as error:
        return error
    except BrokenProcessPool:
        remedy = "resume with --resume, perhaps with fewer --jobs"
        return DataError(f"{task.path.parent}: a training process was ended from outside (out of memory?): {remedy}")


def refuse_other_mains() -> None:
    """Raises `UsageError` where a new process cannot import the main module, which it does before anything else. The
    surest way to know is to start one."""
    guard = 'put the call under `if __name__ == "__main__":`, or give jobs=1'
    importing_main = getattr(multiprocessing.current_process(), "_inheriting", False)
    if importing_main or multiprocessing.parent_process() is not None:
        raise UsageError(f"a series with several jobs is begun by the main process: {guard}")
    file = getattr(sys.modules["__main__"], "__file__", None)
    if file is None:  # an interactive session, which nothing imports
        return
    if not os.path.exists(file):
        raise UsageError("a series with several jobs needs a main module that is a file: write one, or give jobs=1")
    with _interrupts_blocked():
        trial = multiprocessing.get_context("spawn").Process(target=os.getpid)
        trial.start()
    trial.join()
    if trial.exitcode:
        raise UsageError(f"a series with several jobs starts processes, which cannot import {file}: {guard}")


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Blocks SIGINT in this thread and in the processes that it starts."""
    if os.name != "posix":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _forward(messages: "Queue[Message]", observer: Told) -> None:
    """Tells `observer` what workers have reported."""
    while True:
        try:
            key, told = messages.get_nowait()
        except Empty:
            return
        if isinstance(told, EpochRow):
            observer.epoch_ended(key, told)
        elif isinstance(told, Step):
            observer.stepped(key, told)
        else:
            observer.warned(told)
