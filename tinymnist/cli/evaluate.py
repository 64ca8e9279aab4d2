"""`tinymnist evaluate`: judge a trained network on a test set."""

from typing import TYPE_CHECKING, Annotated

import typer

from tinymnist.cli.confusion import confusion_as_text
from tinymnist.cli.notices import say_notice
from tinymnist.cli.options import DataDir, Dataset, Device, Json, RunPath
from tinymnist.cli.outputs import output
from tinymnist.console import loading_torch, show, show_json, width
from tinymnist.text import reached_text

if TYPE_CHECKING:
    from tinymnist.evaluation import Evaluation
    from tinymnist.training import Run


def command(
    run_path: RunPath,
    dataset: Dataset = None,
    data_dir: DataDir = None,
    device: Device = "auto",
    shifts: Annotated[
        int, typer.Option("--shifts", metavar="N", help="Also average over shifts of up to N pixels, 0 to 3.")
    ] = 0,
    turn: Annotated[
        float,
        typer.Option(
            "--turn", metavar="DEGREES", help="Also average over images turned by so much to either side, 0 to 45."
        ),
    ] = 0.0,
    as_json: Json = False,
) -> None:
    """Score a trained network on a test set.

    Shows accuracy with its 95 % interval, loss, balanced accuracy, macro F1, and the confusion matrix with the
    accuracy by class. An unfinished run is scored as its last checkpoint has it.
    """
    with loading_torch():
        from tinymnist.evaluation import evaluate
        from tinymnist.training import load_run

    run = load_run(run_path)
    evaluation = evaluate(
        run, dataset=dataset, data_dir=data_dir, device=device, shifts=shifts, turn=turn, warn=say_notice
    )
    if as_json:
        show_json(output("evaluate", run=run, evaluation=evaluation))
    else:
        show(_as_text(run, evaluation))


def _as_text(run: "Run", evaluation: "Evaluation") -> str:
    low, high = evaluation.interval
    lines = [
        f"{run.spec.name}, {run.spec.plan.parameters:,} parameters, on the {evaluation.n:,} test images of "
        f"{evaluation.dataset}",
        f"accuracy {evaluation.accuracy:.2f} % (95 % Wilson interval {low:.2f} to {high:.2f} %), "
        f"{evaluation.n - evaluation.correct:,} wrong, loss {evaluation.loss:.4f}",
        f"balanced accuracy {evaluation.balanced_accuracy:.2f} %, macro F1 {evaluation.macro_f1:.2f} %",
        *([reached_text(so_far.epoch, so_far.step, so_far.epochs)] if (so_far := evaluation.unfinished) else []),
        *_views_as_text(evaluation),
        "",
        *confusion_as_text(evaluation, width()),
    ]
    return "\n".join(lines)


def _views_as_text(evaluation: "Evaluation") -> list[str]:
    several = evaluation.several
    if several is None:
        return []
    return [f"with {several.views}: {several.accuracy:.2f} %, {several.n - several.correct:,} wrong"]
