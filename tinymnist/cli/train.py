"""`tinymnist train`: train an architecture, or go on with an interrupted training."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tinymnist.cli.options import DataDir, Dataset, Json, Set, Threads, load
from tinymnist.console import show
from tinymnist.errors import UsageError

if TYPE_CHECKING:
    from tinymnist.training import Run


def command(
    arch: Annotated[
        str | None, typer.Option("--arch", metavar="ARCH", help="A YAML file, or the name of a packaged architecture.")
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option("--resume", metavar="RUN", readable=False, help="Go on with this run instead."),
    ] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", help="Passes over the training images.")] = None,
    batch_size: Annotated[int | None, typer.Option("--batch-size", help="Images a step.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Decides everything random; default: drawn.")] = None,
    dataset: Dataset = None,
    data_dir: DataDir = None,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="DIR", readable=False, help="Parent of runs [runs].")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the run; default: made.")] = None,
    device: Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda or mps [auto].")] = None,
    engine: Annotated[str | None, typer.Option("--engine", help="auto, torch or native [auto].")] = None,
    threads: Threads = None,
    overrides: Set = None,
    as_json: Json = False,
) -> None:
    """Train an architecture; the run directory holds all that comes of it."""
    new_only = {
        "--arch": arch,
        "--epochs": epochs,
        "--batch-size": batch_size,
        "--seed": seed,
        "--engine": engine,
        "--dataset": dataset,
        "--output": output,
        "--name": name,
        "--set": overrides,
    }
    if resume is not None:
        _refuse_beside_resume(new_only)
    elif arch is None:
        raise UsageError("train: give an architecture with --arch, or a run to go on with by --resume")
    flags: dict[str, tuple[str, object]] = {
        "--epochs": ("train.epochs", epochs),
        "--batch-size": ("train.batch_size", batch_size),
        "--engine": ("train.engine", engine),
    }
    spec = None if arch is None else load(arch, overrides, flags)

    from tinymnist import training
    from tinymnist.cli.progress import Progress

    with Progress() as observer:
        if resume is not None:
            run = training.resume(resume, data_dir=data_dir, device=device, threads=threads, observer=observer)
        else:
            assert spec is not None
            run = training.train(
                spec,
                seed=seed,
                dataset="auto" if dataset is None else dataset,
                data_dir=data_dir,
                output="runs" if output is None else output,
                name=name,
                device="auto" if device is None else device,
                threads=threads,
                observer=observer,
            )
    if as_json:
        show(run.result.model_dump_json(indent=2))
    else:
        show(_as_text(run))


def _refuse_beside_resume(options: dict[str, Any]) -> None:
    given = [option for option, value in options.items() if value is not None]
    if given:
        raise UsageError(f"{given[0]}: a resumed run goes on as it was declared: leave it out, or start a new run")


def _as_text(run: "Run") -> str:
    result = run.result
    return (
        f"{result.name}: {result.accuracy:.2f} % on {result.dataset} ({result.n:,} test images, "
        f"{result.parameters:,} parameters, seed {result.seed}, {result.epochs} epochs, {result.seconds:.0f} s)\n"
        f"run: {run.path}\n"
        f"next: tinymnist evaluate {shlex.quote(str(run.path))}"
    )
