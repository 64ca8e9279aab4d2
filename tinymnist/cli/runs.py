"""`tinymnist runs`: the trainings in a folder, and how each of them stands."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tinymnist.cli.options import Json
from tinymnist.cli.outputs import output
from tinymnist.console import complain_of, show, show_json, width
from tinymnist.text import counted, fitted_table, short_path

if TYPE_CHECKING:
    from tinymnist.training.survey import Standing


def command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", readable=False, help="Folder of runs.")] = Path("runs"),
    as_json: Json = False,
) -> int:
    """List the runs and series in a folder, and how each stands.

    Exit code 1 if some are damaged.
    """
    from tinymnist.errors import TinyMnistError
    from tinymnist.training.survey import Standing, survey

    found = list(survey(folder))
    runs = [each for each in found if isinstance(each, Standing)]
    damaged = [str(each) for each in found if isinstance(each, TinyMnistError)]
    if as_json:
        show_json(output("runs", folder=folder, runs=runs, damaged=damaged))
    else:
        show(_as_text(runs))
    return complain_of(damaged)


def _as_text(runs: "list[Standing]") -> str:
    titles = ["run", "network", "parameters", "seeds", "epochs", "accuracy %", "images"]
    return "\n".join(fitted_table("< < > > > < <", [titles, *map(_cells, runs)], width()))


def _cells(run: "Standing") -> list[str]:
    of = f"{run.seeds_done} of " if run.seeds_done < len(run.seeds) else ""
    seeds = f"{run.seeds[0]}" if len(run.seeds) == 1 else f"{of}{len(run.seeds)} seeds"
    whole = not run.stopped_early and (run.accuracy is not None or len(run.seeds) > 1)
    epochs = f"{run.of_epochs}" if whole else f"{run.epochs} of {run.of_epochs}"
    if run.stopped_early:
        epochs += ", stopped early" if len(run.seeds) == 1 else f", {run.stopped_early} stopped early"
    if run.best_epoch is not None:
        epochs += f", best {run.best_epoch}"
    accuracy = "not finished" if run.accuracy is None else f"{run.accuracy:.2f}"
    if run.std is not None:
        accuracy += f" ± {run.std:.2f}"
    dataset = run.dataset if width() is None else short_path(run.dataset)
    images = f"{dataset}, {'test' if run.scored_on == 'test' else 'held out'}"
    if run.warnings:
        images += f" ({counted(len(run.warnings), 'warning')})"
    return [run.path.name, run.name, f"{run.parameters:,}", seeds, epochs, accuracy, images]
