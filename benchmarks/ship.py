"""Copies the results of a series to docs/results, and packs the network of its median seed into archs.

python benchmarks/ship.py runs/NAME              # docs/results/NAME: spec, result, and metrics of every epoch and seed
python benchmarks/ship.py runs/NAME --network    # also archs/ARCH.safetensors, and ARCH's line in archs/results.json
"""

import argparse
import json
import shutil
from pathlib import Path

from tinymnist.files import write_atomically
from tinymnist.training import Series, load_run, open_run
from tinymnist.training.packed import pack_run

ROOT = Path(__file__).resolve().parent.parent
HOW = "tinymnist train --arch NAME --seeds N: last epoch, on the 10,000 test images of MNIST"


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
    result = series.result
    target = ROOT / "docs" / "results" / series.path.name
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
    path = ROOT / "archs" / "results.json"
    results = json.loads(path.read_text(encoding="utf-8"))
    results["how"] = HOW
    results["accuracy"][series.spec.name] = {
        "mean": round(result.mean, 6),
        "std": None if result.std is None else round(result.std, 6),
        "n": result.n,
        "seeds": result.accuracies,
    }
    accuracies = [f'    "{name}": {json.dumps(row)}' for name, row in results.pop("accuracy").items()]
    head = json.dumps(results, indent=2).removesuffix("\n}")
    write_atomically(path, head + ',\n  "accuracy": {\n' + ",\n".join(accuracies) + "\n  }\n}\n")


if __name__ == "__main__":
    main()
