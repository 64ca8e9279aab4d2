"""`tinymnist quantize`: train a network on, so that its program in whole numbers loses less."""

from pathlib import Path
from typing import Annotated

import typer

from tinymnist.choices import WholeDtype
from tinymnist.cli import train_options as given
from tinymnist.cli.options import RECIPE, DataDir, Json, RunPath
from tinymnist.console import loading_torch


def command(
    run_path: RunPath,
    dtype: Annotated[WholeDtype, typer.Option("--dtype", help="Type of the weights.", rich_help_panel=RECIPE)] = "int8",
    epochs: Annotated[
        int,
        typer.Option(
            "--epochs", metavar="N", min=1, max=100_000, help="Passes over the training images.", rich_help_panel=RECIPE
        ),
    ] = 2,
    max_lr: Annotated[
        float | None,
        typer.Option(
            "--max-lr",
            metavar="RATE",
            help="Highest learning rate; default: a hundredth of the run's.",
            rich_help_panel=RECIPE,
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="Decides everything random; default: the run's.")
    ] = None,
    data_dir: DataDir = None,
    threads: given.Threads = None,
    output: given.Output = None,
    name: given.Name = None,
    as_json: Json = False,
) -> int:
    """Train a network on with its numbers rounded, for int8 and less.

    Weights and values are rounded as `export --format c --dtype` rounds them; the new run starts from the old one,
    which stays as it is.
    """
    with loading_torch():
        from tinymnist.cli.progress import Progress
        from tinymnist.cli.train_result import show_result
        from tinymnist.training.quantize import quantize

    with Progress() as progress:
        run = quantize(
            run_path,
            dtype=dtype,
            epochs=epochs,
            max_lr=max_lr,
            seed=seed,
            data_dir=data_dir,
            output=output or Path("runs"),
            name=name,
            threads=threads,
            observer=progress,
        )
    return show_result(run, None, None, as_json, data_dir)
