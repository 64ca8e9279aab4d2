"""`tinymnist train`: train an architecture with one seed or many, or go on with an interrupted training."""

import shlex
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typing_extensions import TypedDict

from tinymnist.cli.options import DataDir, Dataset, Json, Set, Threads, load
from tinymnist.console import say, show, show_json
from tinymnist.errors import CheckFailed, UsageError
from tinymnist.text import counted

if TYPE_CHECKING:
    from tinymnist.spec import Spec
    from tinymnist.statistics import LastEpochsVerdict, Verdict
    from tinymnist.training import Run, Series
    from tinymnist.training.records import Result


class MeanVerdict(TypedDict):
    """Whether the mean over seeds is above the target."""

    outcome: Literal["pass", "fail", "inconclusive"]
    target: float
    more_seeds: int | None


class LastEpochs(TypedDict):
    """Whether each of the last epochs is above the target."""

    outcome: Literal["pass", "fail"]
    target: float
    last: int
    passed: int
    n: int
    lowest: float


def output() -> Any:
    """What `train --json` prints: the result of a run, or of a series, and with `--target` a verdict."""
    from tinymnist.training.records import Result, SeriesResult

    class RunOutput(Result):
        verdict: MeanVerdict | LastEpochs | None = None

    class SeriesOutput(SeriesResult):
        verdict: MeanVerdict | LastEpochs | None = None

    return RunOutput | SeriesOutput


def command(
    arch: Annotated[
        str | None, typer.Option("--arch", metavar="ARCH", help="A YAML file, or the name of a packaged architecture.")
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option("--resume", metavar="RUN", readable=False, help="Go on with this run or series instead."),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe", metavar="NAME|FILE", help="Train by this recipe, packaged or a file with a `train:` section."
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", metavar="N", help="Passes over the training images.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option("--batch-size", metavar="N", help="Images a step.")] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="Decides everything random; default: drawn.")
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(
            "--seeds",
            metavar="N|A-B|A,B,C",
            help="Train once with each of these; with --resume, with these too (10-19 adds ten to 0-9).",
        ),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", metavar="N", min=1, help="Seeds trained at once [the cores].")
    ] = None,
    target: Annotated[
        float | None, typer.Option("--target", metavar="PERCENT", help="Judge the accuracy: exit 0 on a pass, else 1.")
    ] = None,
    last_epochs: Annotated[
        int | None,
        typer.Option("--last-epochs", metavar="K", min=1, help="Judge each of the last K epochs, not the mean."),
    ] = None,
    dataset: Dataset = None,
    data_dir: DataDir = None,
    validation: Annotated[
        int | None,
        typer.Option("--validation", metavar="N", min=1, help="Hold out N training images and score those."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="DIR", readable=False, help="Parent of runs [runs].")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Name of the run; default: made.")] = None,
    device: Annotated[
        str | None, typer.Option("--device", metavar="NAME", help="auto, cpu, cuda or mps [auto].")
    ] = None,
    engine: Annotated[
        str | None, typer.Option("--engine", metavar="NAME", help="auto, torch or native [auto].")
    ] = None,
    threads: Threads = None,
    overrides: Set = None,
    as_json: Json = False,
) -> int:
    """Train an architecture; the run directory holds all that comes of it."""
    new_only: dict[str, Any] = {
        "--arch": arch,
        "--recipe": recipe,
        "--epochs": epochs,
        "--batch-size": batch_size,
        "--seed": seed,
        "--engine": engine,
        "--dataset": dataset,
        "--validation": validation,
        "--output": output,
        "--name": name,
        "--set": overrides,
    }
    if last_epochs is not None and target is None:
        raise UsageError("--last-epochs: needs a --target that each of them is held to")
    if target is not None and not 1 < target <= 100:
        raise UsageError(f"--target {target:g}: expects percent, above 1 and up to 100, as in 99.4")
    flags: dict[str, tuple[str, object]] = {
        "--epochs": ("train.epochs", epochs),
        "--batch-size": ("train.batch_size", batch_size),
        "--engine": ("train.engine", engine),
    }
    options = {"data_dir": data_dir, "device": device, "threads": threads}
    run: Run | Series
    if resume is not None:
        _refuse_beside_resume(new_only)
        run = _resume(resume, seeds, jobs, options)
    elif arch is None:
        raise UsageError("train: give an architecture with --arch, or a run to go on with by --resume")
    else:
        chosen = {"dataset": dataset, "validation": validation, "output": output, "name": name, **options}
        spec = load(arch, overrides, flags, recipe)
        if last_epochs is not None and last_epochs > spec.train.epochs:
            raise UsageError(f"--last-epochs {last_epochs}: the recipe has {counted(spec.train.epochs, 'epoch')}")
        run = _train(spec, seed, seeds, jobs, chosen)
    verdict = None if target is None else _verdict(run, target, last_epochs)
    if as_json:
        show_json(_as_dict(run, verdict))
    else:
        from tinymnist.cli.verdict import verdict_text

        show("\n".join([_as_text(run), *([verdict_text(verdict)] if verdict else []), _next(run, verdict)]))
    return 0 if verdict is None or verdict.outcome == "pass" else CheckFailed.exit_code


def _train(
    spec: "Spec", seed: int | None, seeds: str | None, jobs: int | None, options: Mapping[str, Any]
) -> "Run | Series":
    given = {name: value for name, value in options.items() if value is not None}
    if seeds is None:
        if jobs is not None:
            raise UsageError("--jobs: is for several --seeds: use --threads for one training")

        from tinymnist import training
        from tinymnist.cli.progress import Progress

        with Progress() as observer:
            return training.train(spec, seed=seed, observer=observer, **given)
    if seed is not None:
        raise UsageError("--seed: is one of --seeds already: give one of the two")

    from tinymnist import training
    from tinymnist.cli.series import SeriesProgress
    from tinymnist.training.seeds import parse_seeds

    with SeriesProgress() as progress:
        return training.train_series(spec, parse_seeds(seeds), jobs=jobs, observer=progress, **given)


def _resume(path: Path, seeds: str | None, jobs: int | None, options: Mapping[str, Any]) -> "Run | Series":
    from tinymnist import training
    from tinymnist.cli.progress import Progress
    from tinymnist.cli.series import SeriesProgress
    from tinymnist.training.seeds import parse_seeds

    run = training.open_run(path)
    if isinstance(run, training.Run):
        if seeds is not None:
            raise UsageError(f"--seeds: {path} is one training: leave it out, or start a series with --arch")
        if jobs is not None:
            raise UsageError(f"--jobs: {path} is one training: leave it out")
        with Progress() as observer:
            return training.resume(path, observer=observer, **options)
    for name in ("device", "threads"):
        if options[name] is not None:
            raise UsageError(f"--{name}: a series goes on as it was begun: leave it out")
    with SeriesProgress() as progress:
        more = [] if seeds is None else parse_seeds(seeds)
        if more and set(more) <= set(run.seeds) and run.finished:
            say(f"{path}: has these seeds already: for {len(more)} more, --seeds {_further(run, len(more))}")
        return training.resume_series(run, seeds=more, jobs=jobs, data_dir=options["data_dir"], observer=progress)


def _refuse_beside_resume(options: dict[str, Any]) -> None:
    given = [option for option, value in options.items() if value is not None]
    if given:
        raise UsageError(f"{given[0]}: a resumed run goes on as it was declared: leave it out, or start a new run")


def _verdict(run: "Run | Series", target: float, last_epochs: int | None) -> "Verdict | LastEpochsVerdict":
    from tinymnist.statistics import judge, judge_last_epochs
    from tinymnist.training import Run

    if last_epochs is not None:
        by_seed = [[row.eval_accuracy for row in rows] for rows in run.metrics_by_seed]
        return judge_last_epochs(by_seed, last_epochs, target)
    return judge([run.result.accuracy] if isinstance(run, Run) else run.result.accuracies, target)


def _as_dict(run: "Run | Series", verdict: "Verdict | LastEpochsVerdict | None") -> dict[str, Any]:
    content: dict[str, Any] = run.result.model_dump()
    if verdict is not None:
        content["verdict"] = {key: value for key, value in asdict(verdict).items() if key != "summary"}
    return content


def _as_text(run: "Run | Series") -> str:
    from tinymnist.training import Run

    if not isinstance(run, Run):
        from tinymnist.cli.series import series_text

        return series_text(run)
    result = run.result
    images = "test" if result.scored_on == "test" else "held-out training"
    epochs = counted(result.epochs, "epoch")
    return (
        f"{result.name}: {result.accuracy:.2f} % on {result.dataset} ({result.n:,} {images} images, "
        f"{result.parameters:,} parameters, seed {result.seed}, {epochs}, {result.seconds:.0f} s)\n"
        f"{_chosen_on(result)}run: {run.path}"
    )


def _chosen_on(result: "Result") -> str:
    return f"recipe chosen on: {result.chosen_on}\n" if result.chosen_on else ""


def _next(run: "Run | Series", verdict: "Verdict | LastEpochsVerdict | None") -> str:
    from tinymnist.statistics import Verdict
    from tinymnist.training import Run

    path = shlex.quote(str(run.path))
    settled = "tinymnist train without --validation, once the recipe is settled"
    if isinstance(run, Run):
        return f"next: {settled}" if run.environment.validation else f"next: tinymnist evaluate {path}"
    if isinstance(verdict, Verdict) and verdict.more_seeds:
        return f"next: tinymnist train --resume {path} --seeds {_further(run, verdict.more_seeds)}"
    other = f"next: tinymnist compare {path} OTHER-SERIES"
    return f"{other}; {settled}" if run.declaration.validation else other


def _further(series: "Series", count: int) -> str:
    """So many seeds that the series does not have yet."""
    first = max(series.seeds) + 1
    return f"{first}-{first + count - 1}"
