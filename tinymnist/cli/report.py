"""`tinymnist report`: everything about runs on one page."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typing_extensions import TypedDict

from tinymnist.cli.notices import say_notice
from tinymnist.cli.options import DataDir, Dataset, Device, Json
from tinymnist.console import show, show_json

if TYPE_CHECKING:
    from tinymnist.report import Entry, Report


class NetworkOutput(TypedDict):
    """The network whose mistakes and filters are shown, on the images that the page shows. Accuracy is percent."""

    seed: int
    dataset: str
    scored_on: str
    accuracy: float
    n: int
    wrong: int
    loss: float


class RunOutput(TypedDict):
    """A run or series on the page; a series that holds no runs shows no network."""

    run: str
    label: str
    name: str
    parameters: int
    seeds: list[int]
    network: NetworkOutput | None


class Output(TypedDict):
    """What `report --json` prints: the files written."""

    output: str
    runs: list[RunOutput]
    pictures: list[str]


def command(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", readable=False, help="Runs, series, or names of networks in `list`."),
    ],
    output: Annotated[
        Path, typer.Option("--output", metavar="FILE", readable=False, help="The page; one that is there is replaced.")
    ] = Path("report.html"),
    pictures: Annotated[
        Path | None,
        typer.Option("--pictures", metavar="DIR", readable=False, help="Write the pictures as files too, into DIR."),
    ] = None,
    dataset: Dataset = None,
    data_dir: DataDir = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Write one HTML page: curves, confusion matrix, mistakes, filters, spec and environment, runs side by side."""
    from tinymnist.report import write_report

    report = write_report(
        runs, output, pictures=pictures, dataset=dataset, data_dir=data_dir, device=device, warn=say_notice
    )
    if as_json:
        show_json(_as_dict(report))
    else:
        show(_as_text(report))


def _as_dict(report: "Report") -> Output:
    return {
        "output": str(report.page),
        "runs": [_run_as_dict(entry) for entry in report.entries],
        "pictures": [str(path) for path in report.pictures],
    }


def _run_as_dict(entry: "Entry") -> RunOutput:
    return {
        "run": entry.path,
        "label": entry.label,
        "name": entry.spec.name,
        "parameters": entry.spec.plan.parameters,
        "seeds": list(entry.seeds),
        "network": _network_as_dict(entry),
    }


def _network_as_dict(entry: "Entry") -> NetworkOutput | None:
    network, seed = entry.network, entry.shown_seed
    if network is None:
        return None
    return {
        "seed": entry.seeds[0] if seed is None else seed,
        "dataset": network.evaluation.dataset,
        "scored_on": network.scored_on,
        "accuracy": network.evaluation.accuracy,
        "n": network.evaluation.n,
        "wrong": network.wrong,
        "loss": network.evaluation.loss,
    }


def _as_text(report: "Report") -> str:
    from tinymnist.report.headline import headline

    headlines = [(entry.label, headline(entry)) for entry in report.entries]
    lines = [f"{label}: {head.accuracy} %, {head.measured}" for label, head in headlines]
    lines += [f"wrote {path}" for path in (*report.pictures, report.page)]
    return "\n".join(lines)
