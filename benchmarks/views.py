"""Compares what several views of each image (`tinymnist evaluate --turn`, `--shifts`) add to the networks of a series.

    python benchmarks/views.py SERIES...

SERIES is the directory of `train --seeds`; each of its seeds is scored, on the held-out images if there are any, else
on the test set. Prints means and standard deviations over the seeds, and the mean gain with its 95 % interval, as
Markdown.
"""

import statistics
import sys

from scipy.stats import t

from tinymnist.evaluation import with_views
from tinymnist.training.load import load_runs
from tinymnist.training.trained import open_trained
from tinymnist.views import Views

VIEWS = {
    "one": Views(),
    "shifts of up to 1 pixel": Views(shifts=1),
    "turns of 4°": Views(turn=4),
    "turns of 7°": Views(turn=7),
    "turns of 10°": Views(turn=10),
}


def main() -> None:
    for path in sys.argv[1:]:
        networks = open_trained(load_runs(path), held_out=True)
        print(f"\n{path}: {len(networks)} seeds, {len(networks[0].data.test):,} {networks[0].scored_on} images\n")
        print("| views | number | accuracy % | more than one view gives |\n|---|---|---|---|")
        plain: list[float] = []
        for name, views in VIEWS.items():
            accuracies = [with_views(network, views).accuracy for network in networks]
            plain = plain or accuracies
            gains = [several - one for several, one in zip(accuracies, plain, strict=True)]
            mean, deviation = statistics.mean(accuracies), statistics.stdev(accuracies)
            print(f"| {name} | {views.count} | {mean:.3f} ± {deviation:.3f} | {_interval(gains)} |", flush=True)


def _interval(gains: list[float]) -> str:
    mean, n = statistics.mean(gains), len(gains)
    half = float(t.ppf(0.975, n - 1)) * statistics.stdev(gains) / n**0.5
    return f"{mean:+.3f} ({mean - half:+.3f} to {mean + half:+.3f})" if any(gains) else ""


if __name__ == "__main__":
    main()
