"""`tinymnist verify`: hold what runs claim against what can be found out."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tinymnist.cli.completion import complete_runs
from tinymnist.cli.junit import Suite, as_junit
from tinymnist.cli.options import DataDir, Dataset, Json, writes_json
from tinymnist.cli.outputs import output
from tinymnist.console import complain, loading_torch, show, show_json
from tinymnist.errors import combined_exit_code
from tinymnist.text import counted, printable

if TYPE_CHECKING:
    from tinymnist.verification import Finding, Verification


def command(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN",
            readable=False,
            autocompletion=complete_runs,
            help="Runs, series, or folders that hold them.",
        ),
    ],
    retrain: Annotated[bool, typer.Option("--retrain", help="Also train each run again from its seed.")] = False,
    dataset: Dataset = None,
    data_dir: DataDir = None,
    form: Annotated[
        Literal["text", "json", "junit"], typer.Option("--format", help="How the findings are written.")
    ] = "text",
    as_json: Json = False,
) -> int:
    """Hold what runs claim against what can be found out.

    Rules, records, originality and accuracy; with --retrain, also the weights.
    Exit code 0 if all holds, 1 if not, 2 or 3 where a run cannot be opened.
    """
    in_json = writes_json(form, as_json)
    with loading_torch():
        from tinymnist.cli.progress import Progress
        from tinymnist.data import usable_source
        from tinymnist.training.survey import runs_in
        from tinymnist.verification import verify

    if dataset is not None:
        usable_source(dataset)
    runs = [run for path in paths for run in runs_in(path)]
    with Progress() as progress:
        found = [
            each
            for run in runs
            for each in verify(run, dataset=dataset, data_dir=data_dir, retrain=retrain, observer=progress)
        ]
    for each in found:
        if each.error is not None:
            complain(f"tinymnist: {each.error}")
    exit_code = combined_exit_code([each.exit_code for each in found])
    if in_json:
        show_json(output("verify", exit_code=exit_code, runs=found))
    else:
        show(_as_text(found) if form == "text" else as_junit("tinymnist verify", [*map(_suite, found)]))
    return exit_code


def _as_text(found: "Sequence[Verification]") -> str:
    findings = [finding for each in found for finding in each.findings]
    failed = sum(not finding.passed for finding in findings)
    broken = sum(each.error is not None for each in found)
    problems = [f"{failed} failed"] * bool(failed) + [f"{broken} cannot be opened"] * bool(broken)
    lines = [_line(each, finding) for each in found for finding in each.findings]
    total = f"{counted(len(found), 'run')}, {counted(len(findings), 'finding')}: {', '.join(problems) or 'all passed'}"
    return "\n".join([*lines, total])


def _line(each: "Verification", finding: "Finding") -> str:
    return printable(f"{'ok  ' if finding.passed else 'FAIL'} {each.run}: {finding.question}: {finding.found}")


def _suite(each: "Verification") -> Suite:
    cases = [(finding.question, None if finding.passed else _line(each, finding)) for finding in each.findings]
    return Suite(each.run, cases, None if each.error is None else ("opens", str(each.error)))
