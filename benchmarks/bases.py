"""Measures a training step of convolutions with a basis beside plain ones with the same channels, native engine.

    python benchmarks/bases.py

Each measurement has a process of its own, in turns: a second engine in one process is slower. Prints medians of five
rounds as Markdown. Nothing else should be running. Needs a C compiler.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

import torch

from tinymnist import Spec
from tinymnist.model import build_model
from tinymnist.training.engine import Engine, choose_engine
from tinymnist.training.optimizer import apply, make_optimizer
from tinymnist.training.schedule import Hyper

ROUNDS, STEPS, BATCH = 5, 100, 128
CASES = ((3, 3, (10, 14, 16, 17)), (3, 5, (10, 14, 16, 17)), (4, 5, (8, 12, 13, 15)))
"""Filters and their side, and the channels of the convolutions."""


def main() -> None:
    if sys.argv[1:]:
        torch.set_num_threads(os.cpu_count() or 1)
        print(_milliseconds(_engine(*json.loads(sys.argv[1]))))
        return
    print(f"{os.cpu_count()} threads, batches of {BATCH}\n")
    print("| filters | channels | plain, ms | basis, ms | ratio |")
    print("|---|---|---|---|---|")
    for filters, side, channels in CASES:
        times: dict[object, list[float]] = {"none": [], filters: []}
        for _ in range(ROUNDS):
            for basis, taken in times.items():
                command = [sys.executable, __file__, json.dumps([basis, side, channels])]
                taken.append(float(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))
        plain, factored = map(statistics.median, times.values())
        print(f"| {filters} of {side}x{side} | {channels} | {plain:.2f} | {factored:.2f} | {factored / plain:.2f} |")


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
    for _ in range(3):
        engine.step(images, labels, 0)
    began = time.perf_counter()
    for _ in range(STEPS):
        engine.step(images, labels, 0)
    return 1000 * (time.perf_counter() - began) / STEPS


if __name__ == "__main__":
    main()
