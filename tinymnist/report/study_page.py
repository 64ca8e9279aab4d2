"""The page about a search, which is as self-contained as that about runs."""

from tinymnist.report.page import page_style
from tinymnist.report.study_columns import StudyColumns
from tinymnist.report.study_contents import StudyContents
from tinymnist.templating import render
from tinymnist.version import __version__


def study_page(contents: StudyContents) -> str:
    """Everything about one study, below one another."""
    return render(
        "tinymnist.report",
        "study.html",
        names=[contents.study.file.search.name],
        shown=StudyColumns(contents),
        style=page_style(),
        version=__version__,
    )
