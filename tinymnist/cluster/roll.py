"""Which workers of a cluster can be used: those that declare it, with the same versions as this process."""

import time
import uuid
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import Any

from distributed import Client, Future

from tinymnist.cluster.remote import Versions
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
        self._answers: SimpleQueue[str] = SimpleQueue()
        self._last = -CALL_SECONDS

    def call(self) -> Iterator[Notice]:
        """Brings `fit` up to date, and tells of workers that cannot be used."""
        if time.monotonic() - self._last >= CALL_SECONDS:
            self._last = time.monotonic()
            self._look()
        while True:
            try:
                address = self._answers.get_nowait()
            except Empty:
                return
            yield from self._judge(address)

    def _look(self) -> None:
        workers = self._client.scheduler_info(n_workers=-1)["workers"]
        there = {address for address, info in workers.items() if info.get("resources", {}).get("train", 0) >= 1}
        self.fit &= there
        self._asked = {address: future for address, future in self._asked.items() if address in there}
        for address in there - set(self._asked):
            self._ask(address)

    def _ask(self, address: str) -> None:
        key = f"versions-{uuid.uuid4().hex}"
        future = self._client.submit(Versions.here, key=key, workers=[address], pure=False)
        self._asked[address] = future
        future.add_done_callback(lambda _: self._answers.put(address))

    def _judge(self, address: str) -> Iterator[Notice]:
        future = self._asked.get(address)
        if future is None or future.status != "finished":  # it has gone meanwhile, or cannot import tinymnist
            if future is not None and future.status == "error":
                yield WorkerUnfit(address, "", "", Versions.here().tinymnist, Versions.here().torch)
            return
        found, here = future.result(), Versions.here()
        if found == here:
            self.fit.add(address)
        else:
            yield WorkerUnfit(address, found.tinymnist, found.torch, here.tinymnist, here.torch)
