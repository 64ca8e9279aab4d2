"""Measures a training step of convolutions with a basis beside plain ones with the same channels, native engine.

    python benchmarks/bases.py

Prints medians of rounds in turns, as Markdown. Nothing else should be running. Needs a C compiler.
"""

import os
import statistics
import time
from typing import Any

import torch

from tinymnist import Spec
from tinymnist.model import build_model
from tinymnist.training.engine import Engine, choose_engine
from tinymnist.training.optimizer import apply, make_optimizer
from tinymnist.training.schedule import Hyper

ROUNDS, STEPS, BATCH = 15, 10, 128
CASES = {(3, 3): (10, 14, 16, 17), (3, 5): (10, 14, 16, 17), (4, 5): (8, 12, 13, 15)}
"""Filters and their side, and the channels of the convolutions after the first."""


def main() -> None:
    threads = os.cpu_count() or 1
    torch.set_num_threads(threads)
    print(f"{threads} threads, batches of {BATCH}\n")
    print("| filters | channels | plain, ms | basis, ms | ratio |")
    print("|---|---|---|---|---|")
    for (filters, side), channels in CASES.items():
        engines = [_engine(basis, side, channels) for basis in ("none", filters)]
        times: list[list[float]] = [[], []]
        for _ in range(ROUNDS):
            for engine, taken in zip(engines, times, strict=True):
                taken.append(_milliseconds(engine))
        plain, basis = map(statistics.median, times)
        print(
            f"| {filters} of {side}x{side} | {channels} | {plain:.2f} | {basis:.2f} | {basis / plain:.2f} |", flush=True
        )
        for engine in engines:
            engine.close()


def _engine(basis: Any, side: int, channels: tuple[int, ...]) -> Engine:
    first, second, third, last = ({"out_channels": n, "basis": basis, "kernel_size": side} for n in channels)
    blocks = [
        {"convs": [channels[0], first], "pool": "max"},
        {"convs": [second, third], "pool": "max"},
        {"convs": [last], "pool": "max"},
    ]
    content = {"name": "n", "blocks": blocks, "train": {"batch_size": BATCH}}
    spec = Spec.model_validate({**content, "defaults": {"bias": False, "activation": "silu"}})
    torch.manual_seed(0)
    model = build_model(spec)
    optimizer = make_optimizer(spec.train.optimizer, model)
    apply(Hyper(0.01, 0.9), optimizer)

    def stop(notice: object) -> None:
        raise SystemExit(str(notice))

    return choose_engine("native", spec, model, optimizer, torch.device("cpu"), stop)


def _milliseconds(engine: Engine) -> float:
    """The time of a step."""
    images, labels = torch.randint(0, 256, (BATCH, 1, 28, 28), dtype=torch.uint8), torch.randint(0, 10, (BATCH,))
    began = time.perf_counter()
    for _ in range(STEPS):
        engine.step(images, labels, 0)
    return 1000 * (time.perf_counter() - began) / STEPS


if __name__ == "__main__":
    main()
