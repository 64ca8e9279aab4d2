"""Several seeds at once, in worker processes that train one seed at a time."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait as wait_for
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from queue import Empty

from tinymnist.errors import DataError, Interrupted, TinyMnistError, UsageError
from tinymnist.notices import Notice
from tinymnist.signals import StopRequest
from tinymnist.spec import Spec
from tinymnist.training.api import resume, train
from tinymnist.training.directory import seed_name
from tinymnist.training.observer import EpochRow, Observer, SeriesObserver, Step
from tinymnist.training.records import Declaration, Result

POLL_SECONDS = 0.2
LAST_SECONDS = 10.0
"""The time that a training has for its checkpoint after its parent has died."""

Message = tuple[int, EpochRow | Notice]
"""A report of a worker about one seed."""


@dataclass(frozen=True)
class Task:
    """The training of one seed of a series."""

    series: Path
    spec: Spec
    declaration: Declaration
    seed: int
    data_dir: Path | None

    @property
    def path(self) -> Path:
        return self.series / seed_name(self.seed)


def train_in_turn(tasks: Sequence[Task], observer: SeriesObserver, stop: StopRequest) -> None:
    """Trains one seed after another in this process. Raises as `train` does."""
    for task in tasks:
        if stop.signal_number is not None:
            raise Interrupted("stopped", stop.signal_number)
        observer.seed_ended(_train_seed(task, _Relay(task.seed, observer)))


def train_at_once(tasks: Sequence[Task], jobs: int, observer: SeriesObserver, stop: StopRequest) -> None:
    """Trains `jobs` seeds at a time in processes of their own, and tells `observer` in this one.

    Once `stop` is set, each worker writes a checkpoint and ends, and `Interrupted` is raised. An error of a worker
    stops the others as well; the first is raised.
    """
    _refuse_other_mains()
    context = multiprocessing.get_context("spawn")
    messages: Queue[Message] = context.Queue()
    end = context.Event()
    problem: TinyMnistError | None = None
    with ProcessPoolExecutor(jobs, context, _begin_worker, (messages, end)) as pool:
        with _interrupts_blocked():  # a Ctrl-C while workers start must reach this process alone
            pending: set[Future[Result]] = {pool.submit(_train_in_worker, task) for task in tasks}
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


def _refuse_other_mains() -> None:
    """Raises `UsageError` where the main module cannot be imported by a new process."""
    if multiprocessing.parent_process() is not None:
        raise UsageError(
            "a series with several jobs is begun by the main process: put the call under "
            '`if __name__ == "__main__":`, or give jobs=1'
        )
    file = getattr(sys.modules["__main__"], "__file__", None)
    if file is not None and not os.path.exists(file):
        raise UsageError("a series with several jobs needs a main module that is a file: write one, or give jobs=1")


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
        else:
            observer.warned(told)


def _train_seed(task: Task, observer: Observer) -> Result:
    declared = task.declaration
    if os.path.lexists(task.path):
        run = resume(task.path, data_dir=task.data_dir, threads=declared.threads, observer=observer)
    else:
        run = train(
            task.spec,
            seed=task.seed,
            dataset=declared.dataset,
            data_dir=task.data_dir,
            validation=declared.validation,
            output=task.series,
            name=task.path.name,
            device=declared.device,
            threads=declared.threads,
            observer=observer,
        )
    return run.result


class _Relay(Observer):
    """Tells the observer of a series about one seed, in the same process."""

    def __init__(self, seed: int, observer: SeriesObserver) -> None:
        self._seed, self._observer = seed, observer

    def warned(self, notice: Notice) -> None:
        self._observer.warned(notice)

    def epoch_ended(self, row: EpochRow) -> None:
        self._observer.epoch_ended(self._seed, row)


# In a worker


@dataclass(frozen=True)
class _Worker:
    messages: "Queue[Message]"
    end: Event


_worker: list[_Worker] = []
_orphaned = threading.Event()
"""The parent has died."""


def _begin_worker(messages: "Queue[Message]", end: Event) -> None:
    if os.name == "posix":
        os.setpgid(0, 0)  # a Ctrl-C in the terminal reaches the parent alone, which then sets `end`
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
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


def _train_in_worker(task: Task) -> Result:
    try:
        return _train_seed(task, _Reporter(task.seed, _worker[0]))
    finally:
        if _orphaned.is_set():  # else it would begin the next task
            os._exit(128 + signal.SIGTERM)


class _Reporter(Observer):
    """Reports to the parent; stops the training, as SIGTERM does, when the parent says so."""

    def __init__(self, seed: int, worker: _Worker) -> None:
        self._seed, self._worker = seed, worker
        self._told = False

    def warned(self, notice: Notice) -> None:
        self._worker.messages.put((self._seed, notice))

    def stepped(self, step: Step) -> None:
        if not self._told and self._worker.end.is_set():
            self._told = True
            os.kill(os.getpid(), signal.SIGTERM)

    def epoch_ended(self, row: EpochRow) -> None:
        self._worker.messages.put((self._seed, row))
