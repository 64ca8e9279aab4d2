"""Which workers of a cluster can be used: those that declare it, with the same versions as this process."""

import pickle
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from distributed import Client, Future

from tinymnist.cluster.remote import Versions, report_versions
from tinymnist.notices import Notice, WorkerUnfit

CALL_SECONDS = 1.0
"""The time between two looks at who is there."""


class Roll:
    """Looks from time to time who is there, and asks each worker once for its versions."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.fit: set[str] = set()
        """Addresses of workers that can be used now."""
        self._asked: dict[str, Future[Any]] = {}
        self._failed: SimpleQueue[str] = SimpleQueue()
        self._answers: SimpleQueue[Any] = SimpleQueue()
        self._topic = f"tinymnist-versions-{uuid.uuid4().hex}"
        self._last = -CALL_SECONDS
        client.subscribe_topic(self._topic, lambda event: self._answers.put(event[1]))

    def call(self) -> Iterator[Notice]:
        """Brings `fit` up to date, and tells of workers that cannot be used."""
        if time.monotonic() - self._last >= CALL_SECONDS:
            self._last = time.monotonic()
            self._look()
        here = Versions.here()
        for address, found in map(pickle.loads, emptied(self._answers)):  # as Dask does with all that workers return
            if address not in self._asked:  # it has gone meanwhile
                continue
            if found == here:
                self.fit.add(address)
            else:
                yield WorkerUnfit(address, found.tinymnist, found.torch, here.tinymnist, here.torch)
        for address in emptied(self._failed):
            if address in self._asked:
                yield WorkerUnfit(address, "", "", here.tinymnist, here.torch)

    def _look(self) -> None:
        workers = self._client.scheduler_info(n_workers=-1)["workers"]
        there = {address for address, info in workers.items() if info.get("resources", {}).get("train", 0) >= 1}
        self.fit &= there
        self._asked = {address: future for address, future in self._asked.items() if address in there}
        for address in there - set(self._asked):
            self._ask(address)

    def _ask(self, address: str) -> None:
        key = f"versions-{uuid.uuid4().hex}"
        future = self._client.submit(report_versions, self._topic, key=key, workers=[address], pure=False)
        self._asked[address] = future
        future.add_done_callback(lambda done: self._failed.put(address) if done.status == "error" else None)


def emptied(queue: SimpleQueue[Any]) -> Iterator[Any]:
    """What is in the queue now."""
    with suppress(Empty):
        while True:
            yield queue.get_nowait()
