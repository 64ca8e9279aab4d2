"""Several trainings at once, in worker processes that train one at a time."""

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
from typing import Protocol

from tinymnist.errors import DataError, Interrupted, TinyMnistError, UsageError
from tinymnist.notices import Notice
from tinymnist.signals import StopRequest
from tinymnist.training.observer import EpochRow, Observer, SeriesObserver, Step
from tinymnist.training.records import Result
from tinymnist.training.worker import Message, Task, begin_worker, train_in_worker, train_task

POLL_SECONDS = 0.2


class Told(Protocol):
    """Is told of the events of several trainings, by the keys of their tasks."""

    def warned(self, notice: Notice) -> None: ...

    def stepped(self, key: int, step: Step) -> None: ...

    def epoch_ended(self, key: int, row: EpochRow) -> None: ...


def train_in_turn(tasks: Sequence[Task], observer: SeriesObserver, stop: StopRequest) -> None:
    """Trains one task after another in this process. Raises as `train` does."""
    for task in tasks:
        if stop.signal_number is not None:
            raise Interrupted("stopped", stop.signal_number)
        observer.seed_ended(train_task(task, _Relay(task.key, observer)))


def train_at_once(tasks: Sequence[Task], jobs: int, observer: SeriesObserver, stop: StopRequest) -> None:
    """Trains `jobs` tasks at a time in processes of their own, and tells `observer` in this one.

    Once `stop` is set, each worker writes a checkpoint and ends, and `Interrupted` is raised. An error of a worker
    stops the others as well; the first is raised.
    """
    problem: TinyMnistError | None = None
    with Pool(jobs) as pool:
        pool.submit(tasks)
        while pool.busy:
            for _, ended in pool.ended(observer):
                if isinstance(ended, Result):
                    observer.seed_ended(ended)
                else:
                    problem = problem or ended
            if stop or problem:
                pool.stop()
    if stop.signal_number is not None:
        raise Interrupted("stopped", stop.signal_number)
    if problem is not None:
        raise problem


class Pool:
    """Worker processes, each of which trains one task at a time."""

    def __init__(self, jobs: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._messages: Queue[Message] = context.Queue()
        self._end = context.Event()
        self._executor = ProcessPoolExecutor(jobs, context, begin_worker, (self._messages, self._end))
        self._pending: dict[Future[Result], Task] = {}

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        """Stops the trainings that are going on, each with a checkpoint."""
        self.stop()
        self._executor.shutdown()

    @property
    def busy(self) -> int:
        """How many tasks have not ended."""
        return len(self._pending)

    def submit(self, tasks: Sequence[Task]) -> None:
        """Adds tasks to those that wait for a worker."""
        with _interrupts_blocked():  # a Ctrl-C while workers start must reach this process alone
            self._pending |= {self._executor.submit(train_in_worker, task): task for task in tasks}

    def ended(self, observer: Told) -> list[tuple[Task, Result | TinyMnistError]]:
        """Waits a moment, and returns the tasks that have ended since; `observer` is told what workers report."""
        done, _ = wait(self._pending, POLL_SECONDS, FIRST_COMPLETED)
        _forward(self._messages, observer)
        return [(task, _outcome(future, task)) for future in done for task in (self._pending.pop(future),)]

    def stop(self) -> None:
        """Stops all trainings, each with a checkpoint; `ended` tells of those that were going on."""
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


class _Relay(Observer):
    """Tells the observer of a series about one training, in the same process."""

    def __init__(self, key: int, observer: SeriesObserver) -> None:
        self._key, self._observer = key, observer

    def warned(self, notice: Notice) -> None:
        self._observer.warned(notice)

    def stepped(self, step: Step) -> None:
        self._observer.stepped(self._key, step)

    def epoch_ended(self, row: EpochRow) -> None:
        self._observer.epoch_ended(self._key, row)
