"""Measures training with the reference loop, the torch engine and the native engine, in turns.

    python benchmarks/training.py            # a quarter of an hour on two cores
    python benchmarks/training.py --quick    # one round

Each contestant runs in its own process, because memory settings and thread pools belong to a process, with the same
MNIST, recipe and threads, and scores the test set after every epoch. Prints medians of five rounds in turns, and ratios
of medians, as Markdown. Nothing else should be running. Needs MNIST (TINYMNIST_DATA) and a C compiler.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROUNDS = 5
ARCH = "tiny3130"
CONTESTANTS = {"reference": "reference loop", "torch": "torch engine", "native": "native engine"}
BATCH_SIZES = (64, 128, 256, 512, 1024)
WIDTHS = (1, 2, 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(MEASURES[options.measure[0]](*options.measure[1:], threads=options.threads)))
        return
    rounds = 1 if options.quick else ROUNDS
    print(_machine(options.threads), "\n")
    _print_epochs(options.threads, rounds)
    _print_parts(options.threads, rounds)
    _print_growth(options.threads, rounds)


def _in_turns(cases: dict[str, list[str]], threads: int, rounds: int) -> dict[str, dict[str, float]]:
    """The median of each figure, by case."""
    figures: dict[str, list[dict[str, float]]] = {case: [] for case in cases}
    for _ in range(rounds):
        for case, arguments in cases.items():
            command = [sys.executable, __file__, "--threads", str(threads), "--measure", *arguments]
            environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
            figures[case].append(json.loads(done.stdout))
    return {
        case: {key: statistics.median(one[key] for one in runs) for key in runs[0]} for case, runs in figures.items()
    }


def _print_epochs(threads: int, rounds: int) -> None:
    found = _in_turns({name: ["epoch", name] for name in CONTESTANTS}, threads, rounds)
    slowest = found["reference"]["seconds"]
    print("| | s/epoch | images/s | times the reference loop | peak MB |")
    print("|---|---|---|---|---|")
    for name, title in CONTESTANTS.items():
        one = found[name]
        seconds = one["seconds"]
        print(
            f"| {title} | {seconds:.2f} | {60_000 / seconds:,.0f} | {slowest / seconds:.1f} | {one['megabytes']:,.0f} |"
        )
    print()


def _print_parts(threads: int, rounds: int) -> None:
    found = _in_turns({name: ["parts", name] for name in ("torch", "native")}, threads, rounds)
    albumentations = _in_turns({"": ["albumentations"]}, threads, rounds)[""]["augmentation"]
    print("| images/s | albumentations | torch engine | native engine | native / torch | native / albumentations |")
    print("|---|---|---|---|---|---|")
    for part in ("augmentation", "step", "evaluation"):
        eager, native = found["torch"][part], found["native"][part]
        beside = (f"{albumentations:,.0f}", f"{native / albumentations:.0f}") if part == "augmentation" else ("", "")
        print(f"| {part} | {beside[0]} | {eager:,.0f} | {native:,.0f} | {native / eager:.1f} | {beside[1]} |")
    print(f"\nEvaluation of the 10,000 test images, native: {10_000 / found['native']['evaluation']:.3f} s.")
    print(f"Compilation at first use: {found['native']['compilation']:.1f} s.\n")


def _print_growth(threads: int, rounds: int) -> None:
    rounds = min(rounds, 3)
    cases = [
        *((size, 1, threads) for size in BATCH_SIZES),
        *((512, width, threads) for width in WIDTHS[1:]),
        *((512, 1, count) for count in range(1, threads)),
    ]
    print("| batch size | channels | threads | torch, µs/image | native, µs/image | ratio |")
    print("|---|---|---|---|---|---|")
    for size, width, count in cases:
        arguments = {name: ["step", name, str(size), str(width)] for name in ("torch", "native")}
        found = _in_turns(arguments, count, rounds)
        eager, native = found["torch"]["microseconds"], found["native"]["microseconds"]
        print(f"| {size} | x{width} | {count} | {eager:.1f} | {native:.1f} | {eager / native:.1f} |")


# What a child process measures


def _epoch(name: str, *, threads: int) -> dict[str, float]:
    import torch

    import tinymnist
    from tinymnist.training import Observer
    from tinymnist.training.observer import EpochRow

    torch.set_num_threads(threads)
    if name == "reference":
        from reference_loop import reference_epoch

        seconds = reference_epoch(tinymnist.load_spec(ARCH))
    else:

        class Clock(Observer):
            def __init__(self) -> None:
                self.seconds: list[float] = []

            def epoch_started(self, epoch: int, epochs: int, images: int) -> None:
                self.began = time.perf_counter()

            def epoch_ended(self, row: EpochRow) -> None:
                self.seconds.append(time.perf_counter() - self.began)

        clock = Clock()
        spec = tinymnist.load_spec(ARCH, [f"train.engine={name}", f"train.epochs={5 if name == 'native' else 1}"])
        with tempfile.TemporaryDirectory() as folder:
            tinymnist.train(spec, seed=0, dataset="mnist", output=folder, observer=clock, threads=threads)
        seconds = statistics.median(clock.seconds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {"seconds": seconds, "megabytes": peak / 1e6}


def _engine(name: str, overrides: list[str], threads: int) -> tuple[Any, Any, float]:
    """The spec, its engine, and the seconds that it took to make the engine."""
    import torch

    import tinymnist
    from tinymnist.model import build_model
    from tinymnist.training.engine import choose_engine
    from tinymnist.training.memory import keep_memory
    from tinymnist.training.optimizer import make_optimizer

    keep_memory()
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    spec = tinymnist.load_spec(ARCH, overrides)
    model = build_model(spec)
    optimizer = make_optimizer(spec.train.optimizer, model)
    began = time.perf_counter()
    engine = choose_engine(name, spec, model, optimizer, torch.device("cpu"), lambda notice: sys.exit(str(notice)))
    return spec, engine, time.perf_counter() - began


def _parts(name: str, *, threads: int) -> dict[str, float]:
    from tinymnist.data import load_dataset
    from tinymnist.data.affine import AffineAugmenter

    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache
        spec, engine, compilation = _engine(name, [], threads)
    data = load_dataset("mnist")
    images, labels = data.train.images[:512].contiguous(), data.train.labels[:512].contiguous()
    augmenter = AffineAugmenter(spec.train.augment, 28, 28)
    augmenter.warp = engine.warp
    return {
        "augmentation": 512 / _seconds(lambda: augmenter(images, 0), 100),
        "step": 512 / _seconds(lambda: engine.step(images, labels, 0), 50),
        "evaluation": 10_000 / _seconds(lambda: engine.score(data.test), 10),
        "compilation": compilation,
    }


def _albumentations(*, threads: int) -> dict[str, float]:
    import tinymnist
    from tinymnist.data import load_dataset
    from tinymnist.data.augment import Augmenter

    augmenter = Augmenter(tinymnist.load_spec(ARCH).train.augment, 28, 28)
    images = load_dataset("mnist").train.images[:512].contiguous()
    return {"augmentation": 512 / _seconds(lambda: augmenter(images, 0), 20)}


def _step(name: str, size: str, width: str, *, threads: int) -> dict[str, float]:
    import torch

    n, times = int(size), int(width)
    blocks = [[6 * times, 6 * times], [8 * times, 8 * times], [10 * times]]
    overrides = [
        f"train.batch_size={n}",
        "checks={}",
        *(f"blocks[{k}].convs={convs}" for k, convs in enumerate(blocks)),
    ]
    _, engine, _ = _engine(name, overrides, threads)
    images, labels = torch.randint(0, 256, (n, 28, 28), dtype=torch.uint8), torch.randint(0, 10, (n,))
    return {"microseconds": 1e6 * _seconds(lambda: engine.step(images, labels, 0), 30) / n}


MEASURES: dict[str, Callable[..., dict[str, float]]] = {
    "epoch": _epoch,
    "parts": _parts,
    "albumentations": _albumentations,
    "step": _step,
}


def _seconds(call: Callable[[], object], times: int) -> float:
    """Median seconds per call, after three calls to warm up."""
    seconds = []
    for _ in range(times + 3):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[3:])


def _machine(threads: int) -> str:
    from importlib.metadata import version

    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "albumentations", "opencv-python-headless"))
    compiler = subprocess.run(["cc", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":")[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    python = f"Python {platform.python_version()}"
    return f"{model}, {os.cpu_count()} cores, {threads} threads; {python}, {packages}; {compiler}."


if __name__ == "__main__":
    main()
