"""Measures what whole numbers cost: the accuracy of every seed of a series in exported C, beside that of its network.

    python benchmarks/whole_numbers.py runs/bank984 runs/tiny3130
    python benchmarks/whole_numbers.py runs/smooth3092 --dtype int4 --quantized rounded

With `--quantized FOLDER`, the program of `runs/NAME/seed-N` is that of `FOLDER/seed-N`, which `tinymnist quantize` made
of it.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np

from tinymnist.choices import ExportDtype, WholeDtype
from tinymnist.export.c.compiling import c_compiler, compute_logits
from tinymnist.export.c.programs import network_program
from tinymnist.training import Run
from tinymnist.training.load import load_runs
from tinymnist.training.trained import open_trained


def accuracies(runs: list[Run], dtype: ExportDtype) -> Iterator[float]:
    """The accuracy of each program on the test images, in percent."""
    for trained in open_trained(runs):
        images = trained.data.test.images.permute(0, 2, 3, 1).contiguous()
        logits = compute_logits(network_program(trained, dtype, "size"), images, c_compiler() or ())
        yield 100 * int((logits.argmax(1) == trained.data.test.labels.numpy()).sum()) / len(images)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("series", type=Path, nargs="+")
    parser.add_argument("--dtype", choices=get_args(WholeDtype), default="int8")
    parser.add_argument("--quantized", type=Path)
    options = parser.parse_args()
    for series in options.series:
        runs = load_runs(series)
        programs = [
            each for run in runs for each in load_runs((options.quantized or series) / f"seed-{run.environment.seed}")
        ]
        before = np.array([run.result.accuracy for run in runs])
        found = np.array([*accuracies(programs, options.dtype)]) - before
        change = f"{found.mean():+.3f} ± {found.std(ddof=1):.3f} points, lowest {found.min():+.2f}"
        print(f"{series.name}: {before.mean():.3f} %, n {len(runs)}, {options.dtype} {change}", flush=True)


if __name__ == "__main__":
    main()
