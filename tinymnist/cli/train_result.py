"""What `train` shows in the end: the result, a verdict on the target, and the command to try next."""

import shlex
from pathlib import Path

from tinymnist.cli.outputs import as_output
from tinymnist.cli.outputs.train import VerdictOutput
from tinymnist.cli.train_resume import further_seeds
from tinymnist.cli.verdict import verdict_text
from tinymnist.console import show, show_json
from tinymnist.errors import CheckFailed, DataError
from tinymnist.statistics import LastEpochsVerdict, Verdict, judge, judge_last_epochs
from tinymnist.text import counted, epochs_text, images_text, interval_text, table
from tinymnist.training import Run, Series
from tinymnist.training.diagnosis import diagnose
from tinymnist.training.records import Result, SeriesResult


def show_result(
    run: Run | Series, target: float | None, last_epochs: int | None, as_json: bool, data_dir: Path | None
) -> int:
    """Shows what came of a training, and returns the exit code. `data_dir` is what was given as such."""
    verdict = None if target is None else _verdict(run, target, last_epochs)
    if as_json:
        judged = {} if verdict is None else {"verdict": as_output(VerdictOutput, verdict)}
        show_json({**run.result.model_dump(), "diagnosis": _diagnosis(run), **judged})
    else:
        notes = [f"note: {sentence}" for sentence in _diagnosis(run)]
        if dtype := run.spec.train.quantize:
            notes.append(f"note: that is the accuracy of the weights in float32: the export says what {dtype} reads")
        judgement = [verdict_text(verdict)] if verdict else []
        show("\n".join([*_as_text(run), *notes, *judgement, _next(run, verdict, data_dir)]))
    return 0 if verdict is None or verdict.outcome == "pass" else CheckFailed.exit_code


def _diagnosis(run: Run | Series) -> list[str]:
    """Sentences about what went wrong; none where the metrics have been lost since."""
    try:
        images = run.result.n if isinstance(run, Run) else run.result.images
        early_stopping = run.spec.train.early_stopping is not None
        return diagnose(run.metrics_by_seed, run.spec.classes, images=images, early_stopping=early_stopping)
    except DataError:
        return []


def _verdict(run: Run | Series, target: float, last_epochs: int | None) -> Verdict | LastEpochsVerdict:
    if last_epochs is not None:
        _refuse_contradiction(run)
        seeds = [run.environment.seed] if isinstance(run, Run) else run.seeds
        accuracies = [[row.eval_accuracy for row in rows] for rows in run.metrics_by_seed]
        by_seed = dict(zip(seeds, accuracies, strict=True))
        return judge_last_epochs(by_seed, last_epochs, target)
    return judge([run.result.accuracy] if isinstance(run, Run) else run.result.accuracies, target)


def _refuse_contradiction(run: Run | Series) -> None:
    """Raises `DataError` where the epochs in `metrics.csv` do not end with the accuracy in `result.json`."""
    accuracies = [run.result.accuracy] if isinstance(run, Run) else run.result.accuracies
    for rows, accuracy in zip(run.metrics_by_seed, accuracies, strict=True):
        if accuracy not in [row.eval_accuracy for row in rows]:
            raise DataError(f"{run.path}: metrics.csv and result.json contradict each other: copy the run again")


def _as_text(run: Run | Series) -> list[str]:
    epochs = run.spec.train.epochs
    lines = [_run_as_text(run.result, epochs)] if isinstance(run, Run) else _series_as_text(run.result, epochs)
    chosen_on = [f"recipe chosen on: {run.result.chosen_on}"] if run.result.chosen_on else []
    return [*lines, *chosen_on, f"run: {run.path}"]


def _run_as_text(result: Result, of_epochs: int) -> str:
    images = "test" if result.scored_on == "test" else "held-out training"
    return (
        f"{result.name}: {result.accuracy:.2f} % on {result.dataset} ({result.n:,} {images} images, "
        f"{result.parameters:,} parameters, seed {result.seed}, "
        f"{epochs_text(result.epochs, of_epochs, result.best_epoch)}, {result.seconds:.0f} s)"
    )


def _series_as_text(result: SeriesResult, of_epochs: int) -> list[str]:
    """One row per seed, and the figures over all of them."""
    rows = [
        [str(seed), f"{accuracy:.2f} %", f"{loss:.4f}"]
        for seed, accuracy, loss in zip(result.seeds, result.accuracies, result.losses, strict=True)
    ]
    titles, limit = ["seed", "accuracy", "loss"], ""
    if result.epochs_by_seed and result.best_epochs:
        titles, limit = [*titles, "epochs", "weights of epoch"], "up to "
        rows = [
            [*row, str(epochs), str(best)]
            for row, epochs, best in zip(rows, result.epochs_by_seed, result.best_epochs, strict=True)
        ]
    images = images_text(result.images, result.scored_on, result.dataset)
    return [
        f"{result.name}, {result.parameters:,} parameters, {limit}{counted(of_epochs, 'epoch')}, on {images}",
        *table("<10 > >7 > >", [titles, *rows]),
        _figures(result),
    ]


def _figures(result: SeriesResult) -> str:
    if result.interval is None:
        return f"mean {result.mean:.2f} % (n 1: no deviation, no interval)"
    interval = interval_text(result.interval.low, result.interval.high, 3)
    return (
        f"mean {result.mean:.3f} % ± {result.std:.3f} (n {result.n}), 95 % interval of the mean {interval}, "
        f"minimum {result.minimum:.2f} %, maximum {result.maximum:.2f} %"
    )


def _next(run: Run | Series, verdict: Verdict | LastEpochsVerdict | None, data_dir: Path | None) -> str:
    path = shlex.quote(str(run.path)) + ("" if data_dir is None else f" --data-dir {shlex.quote(str(data_dir))}")
    settled = "tinymnist train without --validation, once the recipe is settled"
    if isinstance(run, Run):
        if run.environment.validation:
            return f"next: {settled}"
        if dtype := run.spec.train.quantize:
            return f"next: tinymnist export {path} --format c --dtype {dtype} --output {run.spec.name}-c"
        return f"next: tinymnist evaluate {path}"
    if isinstance(verdict, Verdict) and verdict.more_seeds:
        return f"next: tinymnist train --resume {path} --seeds {further_seeds(run, verdict.more_seeds)}"
    other = f"next: tinymnist compare {path} OTHER-SERIES"
    return f"{other}; {settled}" if run.declaration.validation else other
