"""`tinymnist benchmark`: what a trained network costs in each format, on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typing_extensions import TypedDict

from tinymnist.cli.notices import say_notice
from tinymnist.cli.options import DataDir, Dataset, Json
from tinymnist.console import show, show_json

if TYPE_CHECKING:
    from tinymnist.benchmark import Row


class RowOutput(TypedDict):
    """One format: accuracy in percent, latency of one image in seconds; or the `problem`, and figures of 0."""

    format: str
    bytes: int
    accuracy: float
    latency: float
    images_per_second: float
    problem: str | None


class Output(TypedDict):
    """What `benchmark --json` prints."""

    run: str
    name: str
    dataset: str
    n: int
    rows: list[RowOutput]


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
    from tinymnist.training import load_run
    from tinymnist.training.trained import open_trained

    run = load_run(run_path)
    (trained,) = open_trained([run], dataset, data_dir, warn=say_notice)
    data, rows = trained.data, benchmark(trained)
    if as_json:
        content: Output = {
            "run": str(run.path),
            "name": run.spec.name,
            "dataset": data.name,
            "n": len(data.test),
            "rows": [_as_dict(row) for row in rows],
        }
        show_json(content)
    else:
        where = f"on the {len(data.test):,} test images of {data.name}, one thread"
        head = f"{run.spec.name}, {run.spec.plan.parameters:,} parameters, {where}"
        show("\n".join([head, _COLUMNS, *map(_line, rows)]))


def _as_dict(row: "Row") -> RowOutput:
    return {
        "format": row.format,
        "bytes": row.bytes,
        "accuracy": row.accuracy,
        "latency": row.latency,
        "images_per_second": row.images_per_second,
        "problem": row.problem,
    }


_COLUMNS = f"{'format':14}{'bytes':>8}{'accuracy':>11}{'one image':>12}{'images/s':>11}"


def _line(row: "Row") -> str:
    if row.problem is not None:
        return f"{row.format:14}not measured: {row.problem}"
    return (
        f"{row.format:14}{row.bytes:8,}{row.accuracy:9.2f} %{1e6 * row.latency:9,.0f} µs{row.images_per_second:11,.0f}"
    )
