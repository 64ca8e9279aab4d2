"""`tinymnist benchmark`: what a trained network costs in each format, on this machine."""

from typing import TYPE_CHECKING

from tinymnist.cli.notices import say_notice
from tinymnist.cli.options import DataDir, Dataset, Json, RunPath
from tinymnist.cli.outputs import output
from tinymnist.console import loading_torch, show, show_json
from tinymnist.text import table

if TYPE_CHECKING:
    from tinymnist.benchmark import Row
    from tinymnist.data import Dataset as Images
    from tinymnist.training import Run


def command(run_path: RunPath, dataset: Dataset = None, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Export in every format, and measure each on one thread.

    Shows size, accuracy, time of one image alone, and images per second.
    """
    with loading_torch():
        from tinymnist.benchmark import benchmark
        from tinymnist.training import load_run
        from tinymnist.training.trained import open_trained

    run = load_run(run_path)
    (trained,) = open_trained([run], dataset, data_dir, warn=say_notice)
    rows = benchmark(trained)
    if as_json:
        show_json(output("benchmark", run=run, data=trained.data, rows=rows))
    else:
        show(_as_text(run, trained.data, rows))


def _as_text(run: "Run", data: "Images", rows: "list[Row]") -> str:
    where = f"on the {len(data.test):,} test images of {data.name}, one thread"
    head = f"{run.spec.name}, {run.spec.plan.parameters:,} parameters, {where}"
    titles = ["format", "bytes", "accuracy", "one image", "images/s"]
    return "\n".join([head, *table("<12 >8 >9 >10 >9", [titles, *map(_cells, rows)])])


def _cells(row: "Row") -> list[str]:
    if row.problem is not None:
        return [row.format, f"not measured: {row.problem}"]
    figures = f"{row.accuracy:.2f} %", f"{1e6 * row.latency:,.0f} µs", f"{row.images_per_second:,.0f}"
    return [row.format, f"{row.bytes:,}", *figures]
