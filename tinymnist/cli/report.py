"""`tinymnist report`: everything about runs, or about a search, on one page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated

import typer

from tinymnist.cli.completion import complete_runs
from tinymnist.cli.matplotlib_folder import use_own_folder
from tinymnist.cli.notices import data_warning_text, say_notice
from tinymnist.cli.options import DataDir, Dataset, Device, Json
from tinymnist.cli.outputs import output
from tinymnist.cli.report_study import report_study
from tinymnist.console import complain_of, loading_torch, show, show_json
from tinymnist.errors import UsageError

if TYPE_CHECKING:
    from tinymnist.report import Entry, Report


def command(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...",
            readable=False,
            autocompletion=complete_runs,
            help="Runs, series, or names of networks in `list`; or one study.",
        ),
    ],
    page: Annotated[
        Path,
        typer.Option("--output", metavar="FILE", readable=False, help="The page; one that already exists is replaced."),
    ] = Path("report.html"),
    pictures: Annotated[
        Path | None,
        typer.Option("--pictures", metavar="DIR", readable=False, help="Write the pictures as files too, into DIR."),
    ] = None,
    dataset: Dataset = None,
    data_dir: DataDir = None,
    device: Device = "auto",
    as_json: Json = False,
) -> int:
    """Write one HTML page about runs or about a search.

    Shows curves, confusion matrix, mistakes, filters, spec and environment; of a study, the networks tried, the best of
    them, and what mattered. Exit code 1 if some runs are damaged and left out.
    """
    use_own_folder()
    with loading_torch():
        from tinymnist.report import write_report
        from tinymnist.search.study import is_study

    studies = [path for path in runs if is_study(path)]
    if studies:
        _refuse_beside_study(studies[0], runs, {"--dataset": dataset, "--data-dir": data_dir, "--device": device})
        return report_study(studies[0], page, pictures, as_json)
    report = write_report(
        runs,
        page,
        pictures=pictures,
        dataset=dataset,
        data_dir=data_dir,
        device=device,
        warn=say_notice,
        words=data_warning_text,
    )
    if as_json:
        show_json(output("report", report=report, runs=[_with_network(entry) for entry in report.entries]))
    else:
        show(_as_text(report))
    return complain_of(report.damaged)


def _refuse_beside_study(study: Path, paths: Sequence[Path], options: Mapping[str, object]) -> None:
    if len(paths) > 1:
        raise UsageError(f"{study}: is a study, which has a page of its own: give it alone")
    for option, value in options.items():
        if value not in (None, "auto"):
            raise UsageError(f"{option}: a study is shown as it was recorded: leave it out")


def _with_network(entry: "Entry") -> SimpleNamespace:
    """The entry, and the network that the page shows of it with its seed."""
    seed = entry.seeds[0] if entry.shown_seed is None else entry.shown_seed
    network = None if entry.network is None else SimpleNamespace(seed=seed, network=entry.network)
    return SimpleNamespace(entry=entry, network=network)


def _as_text(report: "Report") -> str:
    from tinymnist.report.headline import headline

    headlines = [(entry.label, headline(entry)) for entry in report.entries]
    lines = [f"{label}: {head.accuracy} %, {head.measured}" for label, head in headlines]
    warnings = [data_warning_text(each, entry.record.dataset) for entry in report.entries for each in entry.warnings]
    lines += dict.fromkeys(warnings)
    lines += [f"wrote {path}" for path in (*report.pictures, report.page)]
    return "\n".join(lines)
