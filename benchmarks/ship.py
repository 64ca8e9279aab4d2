"""Copies the results of a series to tinymnist/results, and packs the network of its median seed into archs.

python benchmarks/ship.py runs/NAME    # tinymnist/results/NAME: spec, result, and metrics of every epoch and seed
python benchmarks/ship.py runs/ARCH --network    # also archs/ARCH.safetensors
"""

import argparse
import shutil
from pathlib import Path

from tinymnist.training import Series, load_run, open_run
from tinymnist.training.packed import pack_run

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("series", type=Path)
    parser.add_argument(
        "--network", action="store_true", help="also pack the network of the median seed (not the best)"
    )
    options = parser.parse_args()
    series = open_run(options.series)
    if not isinstance(series, Series):
        parser.error(f"{options.series}: is one run: give a series")
    if options.network and series.path.name != series.spec.name:
        parser.error(f"{options.series}: a packaged network is from the series of its name: {series.spec.name}")
    result = series.result
    target = ROOT / "tinymnist" / "results" / series.path.name
    target.mkdir(parents=True, exist_ok=True)
    for name in ("series.json", "spec.yaml", "metrics.csv", "result.json"):
        shutil.copyfile(series.path / name, target / name)
    print(f"{target.relative_to(ROOT)}: {result.mean:.3f} %, n {result.n}")
    if options.network:
        _ship_network(series)


def _ship_network(series: Series) -> None:
    result = series.result
    run = load_run(series.seed_path(result.median_seed))
    pack_run(run, ROOT / "archs" / f"{series.spec.name}.safetensors")
    print(f"archs/{series.spec.name}.safetensors: seed {result.median_seed}, {run.result.accuracy:.2f} %")


if __name__ == "__main__":
    main()
