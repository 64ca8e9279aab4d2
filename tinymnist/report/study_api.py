"""Writes the page about a search."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from tinymnist.files import write_atomically
from tinymnist.report.api import page_path
from tinymnist.report.pictures import write_files
from tinymnist.report.study_contents import StudyContents, read_study
from tinymnist.report.study_page import study_page
from tinymnist.report.study_pictures import study_pictures


@dataclass(frozen=True, slots=True)
class StudyReport:
    """What was written."""

    page: Path
    contents: StudyContents
    pictures: tuple[Path, ...]
    """Pictures written as files; the page does not need them."""


def write_study_report(
    study: str | PathLike[str],
    output: str | PathLike[str] = "report.html",
    *,
    pictures: str | PathLike[str] | None = None,
) -> StudyReport:
    """Writes a page about the folder `study` of a search, finished or not, to `output`, whole or not at all, and its
    pictures to the folder `pictures` if one is given. Nothing in the study changes.

    Raises `UsageError` if `output` does not end in `.html`, `RunError` where there is no study, `DataError` where it is
    damaged or a file cannot be written.
    """
    target = page_path(output)
    contents = read_study(Path(study))
    content = study_page(contents)
    name = contents.study.file.search.name
    named = ((f"{name}-{ending}", picture) for ending, picture in study_pictures(contents))
    files = [] if pictures is None else write_files(Path(pictures), named)
    write_atomically(target, content)
    return StudyReport(target, contents, tuple(files))
