"""Measures how well `predict` reads MNIST's test digits as picture files, and digits in other hands.

    python benchmarks/handwriting.py smooth3092 smooth996                  # all of docs/predict.md
    python benchmarks/handwriting.py smooth996 --sizes 28 --count 1000     # faster

Every digit is written to a file, and then found, read and prepared by the functions of the command. Needs matplotlib.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch
from hands import PAPERS, Drawing, drawn, on_paper, printed
from numpy.typing import NDArray

from tinymnist.data import load_dataset
from tinymnist.model.pixels import normalized
from tinymnist.prediction import Prediction, predict_each
from tinymnist.training import Run, load_run

BATCH = 1000
Image = NDArray[np.uint8]
Change = Callable[[Image, np.random.Generator], Image]


def plain(image: Image, _: np.random.Generator) -> Image:
    return image


def inverted(image: Image, _: np.random.Generator) -> Image:
    return 255 - image


def shifted(image: Image, rng: np.random.Generator) -> Image:
    """Moves the digit to a random place where no ink is lost."""
    (top, bottom), (left, right) = (np.flatnonzero(image.any(axis))[[0, -1]] for axis in (1, 0))
    height, width = image.shape
    down, across = rng.integers(-top, height - bottom), rng.integers(-left, width - right)
    return np.asarray(np.roll(image, (down, across), (0, 1)))


def on_grey(image: Image, rng: np.random.Generator) -> Image:
    """Uses two grey levels, 40 to 120 apart; the ink is lighter or darker than the ground."""
    ground, contrast = rng.uniform(120, 136), rng.uniform(40, 120) * rng.choice((-1, 1))
    return np.asarray(ground + contrast * (image / 255), dtype=np.uint8)


def photographed(image: Image, rng: np.random.Generator) -> Image:
    """Simulates a photograph: ink that absorbs 70 % of an uneven light, a shadow that halves the light, and noise."""
    rows, columns = np.mgrid[tuple(slice(-1, 1, size * 1j) for size in image.shape)]
    angle, turned = rng.uniform(0, 2 * np.pi, 2)
    light = 200 + 40 * (columns * np.cos(angle) + rows * np.sin(angle)) - 20 * columns**2
    edge = columns * np.cos(turned) + rows * np.sin(turned) - rng.uniform(-0.5, 0.5)
    light *= 1 - 0.5 / (1 + np.exp(-40 * edge))
    noisy = light * (1 - 0.7 * image / 255) + rng.normal(0, 5, image.shape)
    return np.asarray(np.rint(noisy).clip(0, 255), dtype=np.uint8)


CHANGES: dict[str, tuple[Change, str]] = {
    "plain": (plain, "png"),
    "inverted": (inverted, "png"),
    "shifted": (shifted, "png"),
    "on a grey ground": (on_grey, "png"),
    "photographed, JPEG": (photographed, "jpg"),
}


ROWS = [*CHANGES, "hands", "papers"]


def enlarged(image: Image, side: int) -> Image:
    return image if side == len(image) else np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC))


def measure(title: str, drawings: Iterable[Drawing], runs: list[Run], suffix: str = "png") -> None:
    """Prints one row of the table: for each network, the percentage of all files that it reads correctly."""
    total, unusable, right, wrong = 0, 0, [0] * len(runs), Counter[str]()
    models = [run.load_model() for run in runs]
    drawings = iter(drawings)
    while batch := list(islice(drawings, BATCH)):
        labels = [label for _, label in batch]
        with tempfile.TemporaryDirectory() as folder:
            for index, (image, _) in enumerate(batch):
                cv2.imwrite(f"{folder}/{index:04}.{suffix}", image)
            found = predict_each(runs[0], [folder])
        usable = [(each, label) for each, label in zip(found, labels, strict=True) if isinstance(each, Prediction)]
        total, unusable = total + len(batch), unusable + len(batch) - len(usable)
        right[0] += sum(each.digit == label for each, label in usable)
        wrong.update(f"{label} as {each.digit}" for each, label in usable if each.digit != label)
        pictures = torch.from_numpy(np.stack([each.picture for each, _ in usable])).unsqueeze(1)
        for index, (run, model) in enumerate(zip(runs[1:], models[1:], strict=True), 1):
            with torch.inference_mode():
                digits = model(normalized(pictures, run.spec.train.normalize, torch.device("cpu"))).argmax(1)
            right[index] += sum(digit == label for digit, (_, label) in zip(digits.tolist(), usable, strict=True))
    figures = " | ".join(f"{100 * count / total:.2f}" for count in right)
    print(f"| {title} | {total:,} | {figures} | {unusable} |", flush=True)
    most = ", ".join(f"{pair} {count}x" for pair, count in wrong.most_common(5))
    print(f"{title}: {runs[0].spec.name} reads {most or 'nothing wrong'}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="+", help="runs, or names in `tinymnist list`")
    parser.add_argument(
        "--sizes", nargs="*", type=int, default=[28, 100, 500], help="sides of the test digits, in pixels"
    )
    parser.add_argument("--count", type=int, default=10_000, help="number of test digits")
    parser.add_argument("--only", nargs="+", choices=ROWS, default=ROWS, help="only these rows")
    parser.add_argument("--data-dir", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)  # more threads do not help with such small pictures
    runs = [load_run(name) for name in options.networks]
    test = load_dataset("mnist", options.data_dir).test
    digits = [*zip(test.images[: options.count, 0].numpy(), test.labels.tolist(), strict=False)]
    print(f"| digits | files | {' | '.join(run.spec.name for run in runs)} | unusable |")
    print("|---" * (3 + len(runs)) + "|")
    for side in options.sizes:
        for name, (change, suffix) in CHANGES.items():
            if name not in options.only:
                continue
            rng = np.random.default_rng(0)
            drawings = ((change(enlarged(image, side), rng), label) for image, label in digits)
            measure(f"test digits, {side} pixels, {name}", drawings, runs, suffix)
    if "hands" in options.only:
        measure("printed, 16 fonts", printed(), runs)
        for pen in (0.01, 0.02, 0.05, 0.1, 0.18):
            for tremor, how in ((0.025, "steady"), (0.05, "shaking")):
                measure(f"drawn, pen {pen:.0%} of the height, {how}", drawn(pen, tremor, 20, 0), runs)
    if "papers" in options.only:
        for paper in PAPERS:
            measure(f"drawn, pen 6% of the height, {paper}", on_paper(paper, drawn(0.06, 0.025, 20, 0)), runs)


if __name__ == "__main__":
    main()
