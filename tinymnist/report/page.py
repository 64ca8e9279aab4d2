"""One HTML page that holds everything it shows: no script, and nothing fetched from anywhere."""

from collections.abc import Sequence
from pathlib import Path

from tinymnist.report.contents import Entry
from tinymnist.report.markup import Markup, tag
from tinymnist.report.sections import SECTIONS
from tinymnist.report.texts import figures
from tinymnist.version import __version__

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What a browser may load: should anything foreign ever get into the page, it stays dead."""


def page(entries: Sequence[Entry]) -> str:
    """The entries side by side, each a column of the same sections. Raises `UsageError` without matplotlib."""
    several = len(entries) > 1
    body = tag(
        "body",
        tag("h1", "tinymnist report"),
        _overview(entries) if several else "",
        tag("main", *(_column(entry, entries) for entry in entries)),
        tag("footer", f"Made by tinymnist {__version__}."),
        class_="several" if several else "one",
    )
    return f"<!DOCTYPE html>\n{tag('html', _head(entries), body, lang='en')}\n"


def _head(entries: Sequence[Entry]) -> Markup:
    names = ", ".join(dict.fromkeys(entry.spec.name for entry in entries))
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("title", f"{names} - tinymnist report"),
        tag("style", Markup(style)),
    )


def _overview(entries: Sequence[Entry]) -> Markup:
    """A row an entry, for who wants the figures alone."""
    rows = [
        tag(
            "tr",
            tag("td", entry.label),
            tag("td", f"{entry.spec.plan.parameters:,}", class_="number"),
            tag("td", f"{entry.spec.plan.macs:,}", class_="number wide"),
            tag("td", f"{figures(entry).accuracy} %", class_="number"),
            tag("td", figures(entry).interval, class_="wide"),
            tag("td", figures(entry).of, class_="wide"),
        )
        for entry in entries
    ]
    head = tag(
        "tr",
        tag("th", "run"),
        tag("th", "parameters", class_="number"),
        tag("th", "multiply-adds", class_="number wide"),
        tag("th", "accuracy", class_="number"),
        tag("th", "", class_="wide"),
        tag("th", "", class_="wide"),
    )
    return tag("table", tag("thead", head), tag("tbody", *rows), class_="overview")


def _column(entry: Entry, entries: Sequence[Entry]) -> Markup:
    return tag("article", *(section(entry, entries) for section in SECTIONS))
