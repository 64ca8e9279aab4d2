"""`tinymnist search`: find networks within a budget."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tinymnist import choices
from tinymnist.cli import scheduler as cluster
from tinymnist.cli.completion import complete_files, complete_studies
from tinymnist.cli.options import COMPUTING, DataDir, Dataset, Json
from tinymnist.cli.optuna import need_optuna
from tinymnist.cli.outputs import as_output
from tinymnist.console import loading_torch, show, show_json
from tinymnist.errors import UsageError
from tinymnist.text import counted, table

if TYPE_CHECKING:
    from tinymnist.cluster.address import Scheduler
    from tinymnist.search.forecast import Forecast
    from tinymnist.search.load import SearchFile
    from tinymnist.search.study import Study

STUDY = "Study"


def command(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", readable=False, autocompletion=complete_files, help="A search file."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Train nothing: count the space, and how much of it fits.")
    ] = False,
    dataset: Dataset = None,
    data_dir: DataDir = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", metavar="N", min=1, help="Trainings at once [the cores].", rich_help_panel=COMPUTING),
    ] = None,
    device: Annotated[
        choices.Device | None, typer.Option("--device", help="Where to train [auto].", rich_help_panel=COMPUTING)
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads",
            metavar="N",
            min=1,
            max=256,
            help="CPU threads of each training; default: 1, or torch's choice where one trains at a time.",
            rich_help_panel=COMPUTING,
        ),
    ] = None,
    scheduler: cluster.Scheduler = None,
    tls_ca: cluster.Authority = None,
    tls_cert: cluster.Certificate = None,
    tls_key: cluster.Key = None,
    output_folder: Annotated[
        Path | None,
        typer.Option(
            "--output", metavar="DIR", readable=False, help="Parent of studies [studies].", rich_help_panel=STUDY
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Name of the study [the search's].", rich_help_panel=STUDY),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume",
            metavar="STUDY",
            readable=False,
            autocompletion=complete_studies,
            help="Go on with this study instead.",
            rich_help_panel=STUDY,
        ),
    ] = None,
    as_json: Json = False,
) -> int:
    """Find networks within a budget, and compare the best.

    A search file names a spec, what varies in it, and the budget.
    """
    of_study = {
        "--dataset": dataset,
        "--device": device,
        "--threads": threads,
        "--output": output_folder,
        "--name": name,
    }
    where = cluster.parsed(scheduler, tls_ca, tls_cert, tls_key, jobs)
    if resume is not None:
        _refuse_beside_resume({str(file): file, "--dry-run": dry_run or None, **of_study})
        need_optuna("search")
        study = _resume(resume, jobs, data_dir, where)
    elif file is None:
        raise UsageError("search: give a search file, as in `tinymnist search search.yaml`, or a study with --resume")
    else:
        from tinymnist.search.load import load_search

        loaded = load_search(str(file))
        if dry_run:
            return _forecast(loaded, as_json)
        need_optuna("search")
        options = {option.removeprefix("--"): value for option, value in of_study.items() if value is not None}
        study = _start(loaded, jobs, data_dir, options, where)
    if as_json:
        show_json(study.result.model_dump())
    else:
        show("\n".join(_as_text(study)))
    return 0


def _start(
    file: "SearchFile",
    jobs: int | None,
    data_dir: Path | None,
    options: Mapping[str, object],
    scheduler: "Scheduler | None",
) -> "Study":
    with loading_torch():
        from tinymnist.cli.search_progress import SearchProgress
        from tinymnist.search.api import search

    with SearchProgress() as progress, cluster.opened(scheduler) as workers:
        return search(file, jobs=jobs, data_dir=data_dir, workers=workers, observer=progress, **options)  # type: ignore[arg-type]


def _resume(path: Path, jobs: int | None, data_dir: Path | None, scheduler: "Scheduler | None") -> "Study":
    with loading_torch():
        from tinymnist.cli.search_progress import SearchProgress
        from tinymnist.search.api import resume_search
        from tinymnist.search.study import open_study

    study = open_study(path)
    with SearchProgress() as progress, cluster.opened(scheduler) as workers:
        return resume_search(study, jobs=jobs, data_dir=data_dir, workers=workers, observer=progress)


def _refuse_beside_resume(options: Mapping[str, object]) -> None:
    for option, value in options.items():
        if value is not None:
            raise UsageError(f"{option}: a study keeps what it was begun with: leave it out, or begin a new study")


def _forecast(file: "SearchFile", as_json: bool) -> int:
    from tinymnist.search.forecast import forecast

    found = forecast(file)
    if as_json:
        from tinymnist.cli.outputs.search import DryRun

        show_json(as_output(DryRun, found))
    else:
        show("\n".join(_forecast_as_text(file, found)))
    return 0


def _forecast_as_text(file: "SearchFile", found: "Forecast") -> list[str]:
    from tinymnist.search.load import budget_text

    search = file.search
    networks = "a continuum of" if found.networks == float("inf") else f"{found.networks:,.0f}"
    rungs = ", ".join(
        f"{count:,.0f} of {counted(rung.epochs, 'epoch')}"
        for count, rung in zip(found.trainings, search.rungs, strict=True)
    )
    scaled = "scaled to the budget" if file.space.fills else "scaled where they exceed the budget"
    return [
        f"{search.name}: {networks} networks, {counted(len(file.space.axes), 'dimension')}, varying {file.space.file}",
        f"budget: {budget_text(file.space)}",
        f"of {found.drawn:,} drawn: {_percent(found.valid)} are valid, {_percent(found.fitting)} are within that",
        f"with their widths {scaled}: {_percent(found.scaled)}, and only those are trained",
        f"the base: {_base(file, found)}",
        f"trainings: at least about {rungs}: {found.epochs:,.0f} epochs, and more if networks become better",
        f"finalists and winner: at most {found.epochs_of_finals:,} epochs",
    ]


def _base(file: "SearchFile", found: "Forecast") -> str:
    from tinymnist.spec.costs import COUNTS, UNITS

    plan = file.space.base_spec.plan
    counts = [(COUNTS[cost](plan), UNITS[cost]) for cost in file.search.shown_costs]
    costs = ", ".join(f"{count:,} {unit}" for count, unit in counts if count is not None)
    return f"{costs}, {'the first network' if found.base_is_tried else 'not tried: outside the space or the budget'}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _as_text(study: "Study") -> list[str]:
    from tinymnist.search.costs import TITLES, cell

    result = study.result
    costs = study.file.search.shown_costs
    titles = ["finalist", *(TITLES[cost] for cost in costs), "accuracy %", "loss", "seeds"]
    rows = [
        [
            each.name,
            *(cell(each, cost) for cost in costs),
            _accuracy(each.accuracy, each.std),
            f"{each.loss:.4f}",
            f"{each.n}",
        ]
        for each in result.finalists
    ]
    return [
        f"{result.name}: {counted(result.trials, 'network')} tried in {counted(result.trainings, 'training')} "
        f"({result.epochs:,} epochs), compared on {result.chosen_on}",
        *table(f"< {'> ' * len(costs)}> > >", [titles, *rows]),
        *(
            f"{each.name}, trained on all training images: {_accuracy(each.accuracy, each.std)} % on the test set "
            f"(n {each.n}), which was looked at once: {each.run}"
            for each in result.winners
        ),
        f"study: {study.path}",
        f"next: tinymnist report {shlex.quote(str(study.path))}",
    ]


def _accuracy(mean: float, std: float | None) -> str:
    return f"{mean:.2f}" if std is None else f"{mean:.2f} ± {std:.2f}"
