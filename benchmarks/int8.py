"""Measures what int8 costs: the accuracy of every seed of a series in exported C, beside that of its network.

python benchmarks/int8.py runs/bank984 runs/tiny3130
"""

import argparse
from pathlib import Path

import numpy as np

from tinymnist.export.c.compiling import c_compiler, compute_logits
from tinymnist.export.c.programs import network_program
from tinymnist.training.load import load_runs
from tinymnist.training.trained import open_trained


def differences(series: Path) -> tuple[float, list[float]]:
    """The mean accuracy of the networks in percent, and how far each is above it or below in int8, in points."""
    accuracies, found = [], []
    for trained in open_trained(load_runs(series)):
        images = trained.data.test.images.permute(0, 2, 3, 1).contiguous()
        logits = compute_logits(network_program(trained, "int8", "size"), images, c_compiler() or ())
        right = int((logits.argmax(1) == trained.data.test.labels.numpy()).sum())
        accuracies.append(trained.run.result.accuracy)
        found.append(100 * right / len(images) - accuracies[-1])
    return float(np.mean(accuracies)), found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("series", type=Path, nargs="+")
    for series in parser.parse_args().series:
        mean, found = differences(series)
        change = f"{np.mean(found):+.3f} ± {np.std(found, ddof=1):.3f} points, lowest {min(found):+.2f}"
        print(f"{series.name}: {mean:.3f} %, n {len(found)}, int8 {change}", flush=True)


if __name__ == "__main__":
    main()
