"""Measures a training step on a GPU beside the native engine on this machine's cores.

    python benchmarks/gpu.py

Prints medians of five rounds as Markdown. Nothing else should be running. Needs MNIST (TINYMNIST_DATA), a GPU and a C
compiler.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable

import torch

import tinymnist
from tinymnist.data import load_dataset
from tinymnist.model import build_model
from tinymnist.training.engine import Engine, TorchEngine, choose_engine
from tinymnist.training.optimizer import apply, make_optimizer
from tinymnist.training.schedule import Hyper

ROUNDS, STEPS = 5, 20
CASES = ((64, 1), (512, 1), (2048, 1), (512, 2), (512, 4), (512, 8))
"""Batch size, and how many times as many channels as `tiny3130`."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", help="cuda; cpu tries the program itself")
    device = torch.device(parser.parse_args().device)
    train = load_dataset("mnist").train
    cores = os.cpu_count() or 1
    torch.set_num_threads(cores)
    print(f"{torch.cuda.get_device_name() if device.type == 'cuda' else 'cpu'}; torch {torch.__version__}\n")
    print(f"| batch size | channels | one by one, ms | graphs, ms | native engine, {cores} threads, ms |")
    print("|---|---|---|---|---|")
    for size, width in CASES:
        images, labels = train.images[:size].contiguous(), train.labels[:size].contiguous()
        here = images.to(device), labels.to(device)
        eager, graphs = _engine("torch", size, width, device), _engine("torch", size, width, device)
        native = _engine("native", size, width, torch.device("cpu"))
        assert isinstance(eager, TorchEngine)
        eager._learn = eager._gradients
        taken = (_milliseconds(eager, *here), _milliseconds(graphs, *here), _milliseconds(native, images, labels))
        for engine in (eager, graphs, native):
            engine.close()
        print(f"| {size:,} | x{width} | {' | '.join(f'{one:.2f}' for one in taken)} |", flush=True)


def _engine(name: str, size: int, width: int, device: torch.device) -> Engine:
    blocks = [[6 * width, 6 * width], [8 * width, 8 * width], [10 * width]]
    spec = tinymnist.load_spec(
        "tiny3130",
        [f"train.batch_size={size}", "checks={}", *(f"blocks[{k}].convs={convs}" for k, convs in enumerate(blocks))],
    )
    model = build_model(spec).to(device)
    optimizer = make_optimizer(spec.train.optimizer, model)
    apply(Hyper(0.01, 0.9), optimizer)

    def stop(notice: object) -> None:
        raise SystemExit(str(notice))

    return choose_engine(name, spec, model, optimizer, device, stop)


def _milliseconds(engine: Engine, images: torch.Tensor, labels: torch.Tensor) -> float:
    """The time of a step."""

    def steps(number: int) -> None:
        for _ in range(number):
            engine.step(images, labels, 0)
        engine.totals()  # waits for the device

    steps(3)
    return 1000 * statistics.median(_seconds(lambda: steps(STEPS)) for _ in range(ROUNDS)) / STEPS


def _seconds(call: Callable[[], None]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
