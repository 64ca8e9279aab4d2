"""Compares what several views of each image (`tinymnist evaluate --turn`, `--shifts`) add to the networks of a series.

    python benchmarks/views.py SERIES...

SERIES is the directory of `train --seeds`; each of its seeds is scored, on the held-out images if there are any, else
on the test set. Prints means and standard deviations over the seeds, and the mean gain with its 95 % interval, as
Markdown.
"""

import sys

from tinymnist.evaluation import with_views
from tinymnist.statistics import summarize
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
            found, gain = summarize(accuracies), summarize(gains)
            assert found.std is not None, "give series of two seeds or more"
            assert gain.interval is not None
            more = f"{gain.mean:+.3f} ({gain.interval[0]:+.3f} to {gain.interval[1]:+.3f})" if views.count > 1 else ""
            print(f"| {name} | {views.count} | {found.mean:.3f} ± {found.std:.3f} | {more} |", flush=True)


if __name__ == "__main__":
    main()
