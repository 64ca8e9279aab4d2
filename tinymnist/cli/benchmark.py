"""`tinymnist benchmark`: what a trained network costs in each format, on this machine and on microcontrollers."""

from typing import TYPE_CHECKING, Annotated

import typer

from tinymnist.cli.notices import say_notice
from tinymnist.cli.options import DataDir, Dataset, Json, RunPath
from tinymnist.cli.outputs import output
from tinymnist.console import loading_torch, show, show_json
from tinymnist.errors import UsageError
from tinymnist.text import table

if TYPE_CHECKING:
    from tinymnist.benchmark import Row
    from tinymnist.core_benchmark import CoreRow
    from tinymnist.data import Dataset as Images
    from tinymnist.training import Run


def command(
    run_path: RunPath,
    cores: Annotated[
        list[str] | None,
        typer.Option(
            "--core",
            metavar="CORE",
            help="Run its C in QEMU too, on cortex-m0plus, cortex-m4, cortex-m33 or riscv32.",
        ),
    ] = None,
    clock: Annotated[
        float | None,
        typer.Option("--clock", metavar="MHZ", min=0.001, max=100_000, help="Of --core: show times at this clock."),
    ] = None,
    dataset: Dataset = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Export in every format, and measure each on one thread.

    Shows size, accuracy, time of one image alone, and images per second.
    """
    if clock is not None and not cores:
        raise UsageError("--clock: needs a --core")
    with loading_torch():
        from tinymnist.benchmark import benchmark
        from tinymnist.core_benchmark import benchmark_cores, refuse_cores
        from tinymnist.training import load_run
        from tinymnist.training.trained import open_trained

    chosen = list(dict.fromkeys(cores or ()))
    refuse_cores(chosen)
    run = load_run(run_path)
    (trained,) = open_trained([run], dataset, data_dir, warn=say_notice)
    rows, core_rows = benchmark(trained), benchmark_cores(trained, chosen)
    if as_json:
        show_json(output("benchmark", run=run, data=trained.data, rows=rows, clock=clock, core_rows=core_rows))
    else:
        show("\n".join([_as_text(run, trained.data, rows), *_core_lines(core_rows, clock)]))


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


def _core_lines(rows: "list[CoreRow]", clock: float | None) -> list[str]:
    if not rows:
        return []
    from tinymnist.core_benchmark import IMAGES

    times = "" if clock is None else f"; times at {clock:g} MHz, if each instruction takes one cycle"
    head = f"whole programs, each run on {IMAGES} images in QEMU{times}"
    titles = ["core", "type", "optimize", "instructions", "flash", "RAM", "stack"] + ["time"] * (clock is not None)
    widths = "<13 <8 <9 >12 >8 >8 >7" + " >10" * (clock is not None)
    return ["", head, *table(widths, [titles, *(_core_cells(row, clock) for row in rows)])]


def _core_cells(row: "CoreRow", clock: float | None) -> list[str]:
    form = [row.core, row.dtype, row.optimize]
    if row.problem is not None:
        return [*form, f"not measured: {row.problem}"]
    figures = [f"{each:,}" for each in (row.instructions_per_image, row.flash, row.ram, row.stack)]
    return [*form, *figures] + ([] if clock is None else [f"{row.instructions_per_image / clock / 1000:,.1f} ms"])
