"""`tinymnist evaluate`: judge a trained network on a test set."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typing_extensions import NotRequired, TypedDict

from tinymnist.cli.notices import say_notice
from tinymnist.cli.options import DataDir, Dataset, Device, Json
from tinymnist.console import show, show_json

if TYPE_CHECKING:
    from tinymnist.evaluation import Evaluation
    from tinymnist.training import Run


class IntervalOutput(TypedDict):
    low: float
    high: float
    level: int
    method: str


class ShiftsOutput(TypedDict):
    pixels: int
    views: int
    accuracy: float
    n: int


class Output(TypedDict):
    """What `evaluate --json` prints. Accuracies are percent."""

    run: str
    name: str
    parameters: int
    dataset: str
    accuracy: float
    interval: IntervalOutput
    n: int
    loss: float
    accuracy_by_class: tuple[float, ...]
    confusion: tuple[tuple[int, ...], ...]
    shifts: NotRequired[ShiftsOutput]


def command(
    run_path: Annotated[
        Path, typer.Argument(metavar="RUN", readable=False, help="A run, or the name of a network in `list`.")
    ],
    dataset: Dataset = None,
    data_dir: DataDir = None,
    device: Device = "auto",
    shifts: Annotated[
        int, typer.Option("--shifts", metavar="N", help="Average shifts of up to N pixels too, 0 to 3.")
    ] = 0,
    as_json: Json = False,
) -> None:
    """Show accuracy with its 95 % interval, loss, accuracy by class and the confusion matrix."""
    from tinymnist.evaluation import evaluate
    from tinymnist.training import load_run

    run = load_run(run_path)
    evaluation = evaluate(run, dataset=dataset, data_dir=data_dir, device=device, shifts=shifts, warn=say_notice)
    if as_json:
        show_json(_as_dict(run, evaluation))
    else:
        show(_as_text(run, evaluation))


def _as_dict(run: "Run", evaluation: "Evaluation") -> Output:
    low, high = evaluation.interval
    content: Output = {
        "run": str(run.path),
        "name": run.spec.name,
        "parameters": run.spec.plan.parameters,
        "dataset": evaluation.dataset,
        "accuracy": evaluation.accuracy,
        "interval": {"low": low, "high": high, "level": 95, "method": "wilson"},
        "n": evaluation.n,
        "loss": evaluation.loss,
        "accuracy_by_class": evaluation.accuracy_by_class,
        "confusion": evaluation.confusion,
    }
    if evaluation.shifts is not None:
        shifts = evaluation.shifts
        content["shifts"] = {
            "pixels": shifts.pixels,
            "views": shifts.views,
            "accuracy": shifts.accuracy,
            "n": shifts.n,
        }
    return content


def _as_text(run: "Run", evaluation: "Evaluation") -> str:
    low, high = evaluation.interval
    lines = [
        f"{run.spec.name}, {run.spec.plan.parameters:,} parameters, on the {evaluation.n:,} test images of "
        f"{evaluation.dataset}",
        f"accuracy {evaluation.accuracy:.2f} % (95 % Wilson interval {low:.2f} to {high:.2f} %), "
        f"{evaluation.n - evaluation.correct:,} wrong, loss {evaluation.loss:.4f}",
        *_shifts_as_text(evaluation),
        "",
        "true \\ predicted" + "".join(f"{column:6}" for column in range(len(evaluation.confusion))) + "  accuracy",
    ]
    for label, (row, accuracy) in enumerate(zip(evaluation.confusion, evaluation.accuracy_by_class, strict=True)):
        counts = "".join(f"{count:6}" if count else "     ." for count in row)
        lines.append(f"{label:16}{counts}{accuracy:8.2f} %")
    return "\n".join(lines)


def _shifts_as_text(evaluation: "Evaluation") -> list[str]:
    shifts = evaluation.shifts
    if shifts is None:
        return []
    return [
        f"with shifts of up to {shifts.pixels} pixel{'s' * (shifts.pixels > 1)} (mean of {shifts.views} views, "
        f"{shifts.views} times the work): {shifts.accuracy:.2f} %, {shifts.n - shifts.correct:,} wrong"
    ]
