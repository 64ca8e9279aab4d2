"""`tinymnist report STUDY`: everything about a search on one page."""

from pathlib import Path
from typing import TYPE_CHECKING

from tinymnist.cli.optuna import need_optuna
from tinymnist.cli.outputs import output
from tinymnist.console import show, show_json
from tinymnist.text import counted

if TYPE_CHECKING:
    from tinymnist.report.study_api import StudyReport


def report_study(study: Path, page: Path, pictures: Path | None, as_json: bool) -> int:
    """Writes the page of a study, and says what is on it."""
    need_optuna("the report of a study")
    from tinymnist.report.study_api import write_study_report

    report = write_study_report(study, page, pictures=pictures)
    if as_json:
        show_json(output("report", report=report, contents=report.contents))
    else:
        show("\n".join(_as_text(report)))
    return 0


def _as_text(report: "StudyReport") -> list[str]:
    from tinymnist.report.study_columns import StudyColumns

    contents = report.contents
    columns = StudyColumns(contents)
    search = contents.study.file.search
    state = "" if columns.finished else ", not finished"
    return [
        f"{search.name}: {len(contents.trials):,} of {counted(search.trials, 'network')} tried in "
        f"{counted(len(contents.ended), 'training')} ({contents.epochs:,} epochs){state}",
        *(f"{each.figure}, {each.measured}" for each in columns.headlines),
        *(f"wrote {path}" for path in (*report.pictures, report.page)),
    ]
