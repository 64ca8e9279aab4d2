"""Tasks trained by the workers of a Dask cluster, while all state stays in this process."""

import math
import pickle
import time
import uuid
from collections import deque
from collections.abc import Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from distributed import Client, Future
from distributed.scheduler import KilledWorker

from tinymnist.cluster.folders import unpack
from tinymnist.cluster.remote import ImagesMissing, Order, hold_images, train_order
from tinymnist.cluster.roll import Roll, emptied
from tinymnist.data import Dataset
from tinymnist.errors import DataError, TinyMnistError
from tinymnist.notices import Notice, WorkersAwaited
from tinymnist.training.images import asked_for, load_images
from tinymnist.training.observer import EpochRow, Step
from tinymnist.training.task import Task
from tinymnist.training.workers import Ended, Told, Workers

RESOURCE = {"train": 1}
"""What a worker must declare to be used, by `dask worker ... --resources train=1`: it trains one network at a time."""
POLL_SECONDS = 0.2
PATIENCE_SECONDS = 10.0
"""The time without a worker after which that is said."""
GONE_SECONDS = 20.0
"""The time without a connection after which the scheduler is given up; Dask itself tries for half as long."""
RETRIES = 2
"""How often a training is tried again elsewhere after an error that is the worker's own."""


@dataclass(frozen=True)
class Sent:
    """A task that the scheduler has, and the workers that may take it."""

    task: Task
    workers: frozenset[str]


class DaskWorkers(Workers):
    """Sends tasks to a cluster, about twice as many at a time as it has workers, and writes what they return."""

    def __init__(self, client: Client, where: str, close: Any) -> None:
        self._client, self._where, self._close = client, where, close
        self._roll = Roll(client)
        self._there: frozenset[str] = frozenset()
        self._waiting: deque[Task] = deque()
        self._going: dict[Future[Any], Sent] = {}
        self._done: SimpleQueue[Future[Any]] = SimpleQueue()
        self._reports: SimpleQueue[Any] = SimpleQueue()
        self._topic = f"tinymnist-{uuid.uuid4().hex}"
        self._images: dict[str, Dataset] = {}
        self._had_worker = time.monotonic()
        self._broken = math.inf  # when the connection was first seen to be
        self._notices: list[Notice] = []
        client.subscribe_topic(self._topic, lambda event: self._reports.put(event[1]))

    def wait_for_workers(self, count: int, seconds: float) -> None:
        """Waits until so many workers are there that can be used, but not longer."""
        deadline = time.monotonic() + seconds
        while len(self._roll.fit) < count and time.monotonic() < deadline:
            self._notices += self._roll.call()
            time.sleep(POLL_SECONDS)

    @property
    def slots(self) -> int:
        return len(self._roll.fit)

    @property
    def room(self) -> int:
        """For a few more than there are workers, so that none waits for this process; and for one that is to come."""
        return max(1, math.ceil(1.25 * self.slots)) - self.busy

    @property
    def busy(self) -> int:
        return len(self._waiting) + len(self._going)

    def submit(self, tasks: Sequence[Task]) -> None:
        self._waiting.extend(tasks)
        self._send()

    def ended(self, observer: Told) -> list[Ended]:
        if self._gone():
            tasks = [*(sent.task for sent in self._going.values()), *self._waiting]
            self.stop()
            return [(task, self._lost()) for task in tasks]
        try:
            self._call_the_roll(observer)
            self._take_back()
            self._send()
            return [ended for future in self._just_done() for ended in self._settled(future)]
        except OSError:  # the connection has just broken; Dask tries to mend it, and else closes the client
            time.sleep(POLL_SECONDS)
            return []
        finally:
            self._report(observer)

    def _just_done(self) -> list["Future[Any]"]:
        """Futures that are done, after a while at the latest; there may be none."""
        try:
            return [self._done.get(timeout=POLL_SECONDS), *emptied(self._done)]
        except Empty:
            return []

    def stop(self) -> None:
        self._waiting.clear()
        going, self._going = list(self._going), {}
        if going and self._client.status == "running":
            self._client.cancel(going, force=True)

    def close(self) -> None:
        self.stop()
        self._close()

    def _take_back(self) -> None:
        """Takes back tasks whose workers have all gone: the scheduler would wait for those, whoever else is there."""
        there = frozenset(self._roll.fit)
        left, self._there = self._there - there, there
        if not left:  # with a thousand workers, to look through all tasks each time would be most of the work
            return
        stranded = [future for future, sent in self._going.items() if not (sent.workers & there or future.done())]
        if stranded:
            self._client.cancel(stranded, force=True)
            self._waiting.extendleft(self._going.pop(future).task for future in stranded)

    def _send(self) -> None:
        """Hands tasks to the scheduler, as long as there are not too many there."""
        window = 2 * self.slots
        while self._waiting and len(self._going) < window:
            self._start(self._waiting.popleft())

    def _start(self, task: Task) -> None:
        workers = frozenset(self._roll.fit)
        self._there |= workers
        order = Order(task.key, task.spec, task.seed, task.conditions, self._topic)
        future = self._client.submit(
            train_order,
            order,
            key=f"train-{uuid.uuid4().hex}",
            workers=list(workers),
            resources=RESOURCE,
            retries=RETRIES,
            pure=False,
        )
        self._going[future] = Sent(task, workers)
        future.add_done_callback(self._done.put)

    def _settled(self, future: "Future[Any]") -> list[Ended]:
        """The task of a future and what came of it; nothing where it is tried once more, or was stopped."""
        sent = self._going.pop(future, None)
        if sent is None:
            return []
        task = sent.task
        try:
            outcome = future.result()
        except CancelledError:  # the scheduler has forgotten it, or is gone itself, which shows soon
            self._waiting.append(task)
            return []
        except KilledWorker:
            problem = "its worker was ended from outside each time that it was tried (out of memory?)"
            return [(task, DataError(f"{task.path}: {problem}: see the logs of the workers, then resume"))]
        except Exception as error:  # whatever happened on a worker
            gist = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            return [(task, DataError(f"{task.path}: failed on its worker ({gist}): see its log, then resume"))]
        if isinstance(outcome, ImagesMissing):
            self._send_images(task, outcome.worker)
            self._waiting.appendleft(task)
            return []
        if isinstance(outcome, TinyMnistError):
            return [(task, outcome)]
        try:
            return [(task, unpack(outcome, task.path))]
        except TinyMnistError as error:
            return [(task, error)]

    def _send_images(self, task: Task, worker: str) -> None:
        asked = task.conditions
        digest = asked.digest or ""
        if digest not in self._images:
            found = load_images(asked_for(task.spec, asked.dataset), asked.data_dir, lambda _: None)
            if asked.digest not in (None, found.digest):
                raise DataError(f"{asked.dataset}: has changed since: put it back, or begin anew")
            self._images[digest] = found
        self._client.submit(hold_images, self._images[digest], workers=[worker], pure=False).result()

    def _call_the_roll(self, observer: Told) -> None:
        if self._client.status != "running":
            return
        self._notices += self._roll.call()
        while self._notices:
            observer.warned(self._notices.pop(0))
        if self._roll.fit or not self.busy:
            self._had_worker = time.monotonic()
        elif time.monotonic() - self._had_worker > PATIENCE_SECONDS:
            self._had_worker = math.inf
            observer.warned(WorkersAwaited(self._where))

    def _gone(self) -> bool:
        """Whether the scheduler is lost: Dask then closes the client, but not where the connection breaks again in the
        middle of TLS's first words, which it does not expect."""
        status, now = self._client.status, time.monotonic()
        self._broken = math.inf if status == "running" else min(self._broken, now)
        return status in ("closing", "closed") or now - self._broken > GONE_SECONDS

    def _lost(self) -> DataError:
        return DataError(f"{self._where}: the scheduler is gone: start it again, then resume")

    def _report(self, observer: Told) -> None:
        for key, told in map(pickle.loads, emptied(self._reports)):  # as Dask does with all that workers return
            if isinstance(told, EpochRow):
                observer.epoch_ended(key, told)
            elif isinstance(told, Step):
                observer.stepped(key, told)
            else:
                observer.warned(told)
