"""Measures what a cluster costs: the driver's work for each training, and the gain of a second worker.

    python benchmarks/cluster.py simulated [TRAININGS]   # 10, 100 and 1,000 workers whose trainings are waits
    python benchmarks/cluster.py local                   # real trainings on local clusters of one and of two workers

The simulated workers are Dask's own, many to a process; only the training is replaced, by a wait and the run directory
of a real training. The waits are so long that 20 trainings end in a second, however many workers there are. Prints
Markdown. Nothing else should be running; `local` needs two cores and MNIST (TINYMNIST_DATA).
"""

import asyncio
import logging
import multiprocessing
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask
from distributed import Client, Scheduler, Worker

from tinymnist import load_spec, train
from tinymnist.cluster import remote
from tinymnist.cluster.dask_workers import RESOURCE, DaskWorkers
from tinymnist.cluster.folders import Packed, pack
from tinymnist.signals import StopRequest
from tinymnist.training import SeriesObserver
from tinymnist.training.records import Result
from tinymnist.training.task import Conditions, Task
from tinymnist.training.workers import train_all

WORKERS, PROCESSES = (10, 100, 1000), 4
RATE = 20
"""Simulated trainings that end in a second."""
ROUNDS, SEEDS, EPOCHS = 3, 8, 2
"""With `local`, each cluster trains so many seeds in each round, for so many epochs of MNIST."""


def main() -> None:
    if sys.argv[1:] == ["local"]:
        _local()
    else:
        _simulated(int(sys.argv[2]) if sys.argv[2:] else 1000)


def _simulated(trainings: int) -> None:
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        run = train(load_spec("tiny3130", ["train.epochs=1"]), seed=0, dataset="mnist-5k", output=folder, name="run")
        packed = pack(run.path)
        print(f"{trainings:,} trainings of {sum(map(len, packed.values())) / 1000:.0f} kB, {RATE} a second\n")
        print("| workers | driver's CPU, ms a training | scheduler's CPU, ms a training | workers busy |")
        print("|---|---|---|---|", flush=True)
        conditions = Conditions("mnist-5k", None, 0, None, "cpu", 1, None)
        for count in WORKERS:
            output = folder / str(count)
            output.mkdir()
            tasks = [Task(n, output / f"seed-{n}", run.spec, n, conditions) for n in range(trainings + 2 * count)]
            with _cluster(count, packed) as (address, scheduler):
                client = Client(address, set_as_default=False)
                workers = DaskWorkers(client, address, client.close)
                with workers:
                    workers.wait_for_workers(count, 300)
                    assert workers.slots == count
                    meter = Meter(count, trainings, scheduler)
                    train_all(tasks, workers, SeriesObserver(), StopRequest(), meter.ended)
            print(f"| {count:,} | {meter.row()} |", flush=True)


class Meter:
    """Measures from the moment when each worker has done about one training, until so many more have ended."""

    def __init__(self, workers: int, trainings: int, scheduler: int) -> None:
        self._workers, self._trainings, self._scheduler = workers, trainings, scheduler
        self._count = 0
        self._marks: list[tuple[float, float, float]] = []

    def ended(self, task: Task, result: Result) -> None:
        self._count += 1
        if self._count in (self._workers, self._workers + self._trainings):
            self._marks.append((time.process_time(), _cpu_seconds(self._scheduler), time.monotonic()))

    def row(self) -> str:
        begin, end = self._marks
        driver, scheduler, elapsed = (b - a for a, b in zip(begin, end, strict=True))
        each = [f"{1000 * seconds / self._trainings:.1f}" for seconds in (driver, scheduler)]
        return " | ".join([*each, f"{100 * self._trainings / (RATE * elapsed):.0f} %"])


def _cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _cluster(count: int, packed: Packed) -> Iterator[tuple[str, int]]:
    """A scheduler and so many simulated workers; yields its address and its process."""
    spawn = multiprocessing.get_context("spawn")
    addresses: Any = spawn.SimpleQueue()
    scheduler = spawn.Process(target=_run_scheduler, args=(addresses,), daemon=True)
    scheduler.start()
    address = addresses.get()
    share = [count // PROCESSES + (index < count % PROCESSES) for index in range(PROCESSES)]
    hosts = [spawn.Process(target=_run_workers, args=(address, each, count, packed), daemon=True) for each in share]
    for host in hosts:
        host.start()
    try:
        assert scheduler.pid is not None
        yield address, scheduler.pid
    finally:
        for process in (*hosts, scheduler):
            process.kill()
            process.join()


def _run_scheduler(addresses: Any) -> None:
    logging.disable()  # workers vanish in the end

    async def run() -> None:
        async with Scheduler(host="127.0.0.1", port=0, dashboard_address=":0") as scheduler:
            addresses.put(scheduler.address)
            await scheduler.finished()

    asyncio.run(run())


def _run_workers(address: str, number: int, count: int, packed: Packed) -> None:
    logging.disable()

    def wait_instead(order: remote.Order) -> Packed:
        time.sleep(count / RATE * random.Random(order.key).uniform(0.5, 1.5))
        return packed

    remote.train_order = wait_instead
    # what a worker does all the time to watch itself, a thousand of them on one machine cannot
    idle = {"worker.profile.enabled": False, "admin.tick.interval": "1m", "admin.system-monitor.interval": "1m"}
    dask.config.set({f"distributed.{key}": value for key, value in idle.items()})

    async def run() -> None:
        workers = [Worker(address, nthreads=1, resources={**RESOURCE}, memory_limit=0) for _ in range(number)]
        await asyncio.gather(*workers)
        await asyncio.gather(*(worker.finished() for worker in workers))

    asyncio.run(run())


def _local() -> None:
    taken: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(ROUNDS):
        for workers, seconds in taken.items():
            with tempfile.TemporaryDirectory() as folder:
                command = [sys.executable, "-m", "tinymnist", "train", "tiny3130", "--epochs", str(EPOCHS)]
                command += ["--dataset", "mnist", "--seeds", str(SEEDS), "--quiet", "--output", folder]
                began = time.perf_counter()
                subprocess.run([*command, "--scheduler", f"local:{workers}"], stdout=subprocess.DEVNULL, check=True)
                seconds.append(time.perf_counter() - began)
    one, two = map(statistics.median, taken.values())
    print(f"{SEEDS} seeds of tiny3130, {EPOCHS} epochs of MNIST, medians of {ROUNDS} rounds")
    print(f"one worker {one:.1f} s, two {two:.1f} s: {one / two:.2f} times as fast")


if __name__ == "__main__":
    main()
