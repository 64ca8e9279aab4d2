"""Several seeds at once, in worker processes that train one seed at a time."""

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

from tinymnist.errors import DataError, Interrupted, TinyMnistError, UsageError
from tinymnist.notices import Notice
from tinymnist.signals import StopRequest
from tinymnist.training.observer import EpochRow, Observer, SeriesObserver, Step
from tinymnist.training.records import Result
from tinymnist.training.worker import Message, Task, begin_worker, train_in_worker, train_seed

POLL_SECONDS = 0.2


def train_in_turn(tasks: Sequence[Task], observer: SeriesObserver, stop: StopRequest) -> None:
    """Trains one seed after another in this process. Raises as `train` does."""
    for task in tasks:
        if stop.signal_number is not None:
            raise Interrupted("stopped", stop.signal_number)
        observer.seed_ended(train_seed(task, _Relay(task.seed, observer)))


def train_at_once(tasks: Sequence[Task], jobs: int, observer: SeriesObserver, stop: StopRequest) -> None:
    """Trains `jobs` seeds at a time in processes of their own, and tells `observer` in this one.

    Once `stop` is set, each worker writes a checkpoint and ends, and `Interrupted` is raised. An error of a worker
    stops the others as well; the first is raised.
    """
    context = multiprocessing.get_context("spawn")
    messages: Queue[Message] = context.Queue()
    end = context.Event()
    problem: TinyMnistError | None = None
    with ProcessPoolExecutor(jobs, context, begin_worker, (messages, end)) as pool:
        with _interrupts_blocked():  # a Ctrl-C while workers start must reach this process alone
            pending: set[Future[Result]] = {pool.submit(train_in_worker, task) for task in tasks}
        while pending:
            done, pending = wait(pending, POLL_SECONDS, FIRST_COMPLETED)
            _forward(messages, observer)
            for future in done:
                try:
                    observer.seed_ended(future.result())
                except TinyMnistError as error:
                    problem = problem or error
                except BrokenProcessPool:
                    problem = problem or DataError(
                        f"{tasks[0].series}: a training process was ended from outside (out of memory?): resume the "
                        f"series with --resume, perhaps with fewer --jobs"
                    )
            if (stop or problem) and not end.is_set():
                end.set()
                pending = {future for future in pending if not future.cancel()}
    if stop.signal_number is not None:
        raise Interrupted("stopped", stop.signal_number)
    if problem is not None:
        raise problem


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


def _forward(messages: "Queue[Message]", observer: SeriesObserver) -> None:
    """Tells `observer` what workers have reported."""
    while True:
        try:
            seed, told = messages.get_nowait()
        except Empty:
            return
        if isinstance(told, EpochRow):
            observer.epoch_ended(seed, told)
        elif isinstance(told, Step):
            observer.stepped(seed, told)
        else:
            observer.warned(told)


class _Relay(Observer):
    """Tells the observer of a series about one seed, in the same process."""

    def __init__(self, seed: int, observer: SeriesObserver) -> None:
        self._seed, self._observer = seed, observer

    def warned(self, notice: Notice) -> None:
        self._observer.warned(notice)

    def stepped(self, step: Step) -> None:
        self._observer.stepped(self._seed, step)

    def epoch_ended(self, row: EpochRow) -> None:
        self._observer.epoch_ended(self._seed, row)
