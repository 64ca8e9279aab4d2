"""`tinymnist benchmark`: what a trained network costs in each format, on this machine."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tinymnist.cli.options import DataDir, Dataset, Json
from tinymnist.console import say, show, show_json

if TYPE_CHECKING:
    from tinymnist.benchmark import Row


def command(
    run_path: Annotated[
        Path, typer.Argument(metavar="RUN", readable=False, help="A run, or the name of a network in `list`.")
    ],
    dataset: Dataset = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Export in every format, and show size, accuracy, latency of one image and images a second, on one thread."""
    from tinymnist.benchmark import benchmark
    from tinymnist.data import load_dataset, usable_name
    from tinymnist.training import load_run

    run = load_run(run_path)
    run.load_model()  # before the data: what is damaged is not worth a download
    data = load_dataset(usable_name(run.environment.dataset if dataset is None else dataset), data_dir, say)
    rows = benchmark(run, data)
    if as_json:
        show_json(
            {
                "run": str(run.path),
                "name": run.spec.name,
                "dataset": data.name,
                "n": len(data.test),
                "rows": [asdict(row) for row in rows],
            }
        )
    else:
        where = f"on the {len(data.test):,} test images of {data.name}, one thread"
        head = f"{run.spec.name}, {run.spec.plan.parameters:,} parameters, {where}"
        show("\n".join([head, _COLUMNS, *map(_line, rows)]))


_COLUMNS = f"{'format':14}{'bytes':>8}{'accuracy':>11}{'one image':>12}{'images/s':>11}"


def _line(row: "Row") -> str:
    if row.problem is not None:
        return f"{row.format:14}not measured: {row.problem}"
    return (
        f"{row.format:14}{row.bytes:8,}{row.accuracy:9.2f} %{1e6 * row.latency:9,.0f} µs{row.images_per_second:11,.0f}"
    )
