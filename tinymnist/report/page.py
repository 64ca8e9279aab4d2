"""One HTML page that holds everything it shows: no script, and nothing fetched from anywhere."""

from collections.abc import Sequence
from importlib.resources import files

from markupsafe import Markup

from tinymnist.report.columns import Column, Words
from tinymnist.report.contents import Entry
from tinymnist.templating import render
from tinymnist.version import __version__


def page(entries: Sequence[Entry], words: Words = str) -> str:
    """The entries side by side, each a column of the same sections. `words` tells the warnings about their data."""
    metrics = [entry.metrics for entry in entries if entry.metrics]
    return render(
        "tinymnist.report",
        "page.html",
        names=dict.fromkeys(entry.spec.name for entry in entries),
        columns=[Column(entry, metrics, words) for entry in entries],
        style=page_style(),
        version=__version__,
    )


def page_style() -> Markup:
    """The style of every page."""
    return Markup(files("tinymnist.report").joinpath("page.css").read_text(encoding="utf-8"))
