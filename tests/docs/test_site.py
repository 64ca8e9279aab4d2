"""The site: built strictly, it asks for nothing from elsewhere, and it fits a phone with JavaScript or without."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.browser import Page, browser_page, find_browser
from tests.support.command_line import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(map(find_spec, ("material", "mkdocs", "mkdocstrings"))), reason="no mkdocs-material here"
    ),
]
PAGES = ("index", "tutorial", "network", "results", "reference/language", "reference/command-line", "reference/python")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder


class Resources(HTMLParser):
    """What a browser loads by itself: links to other pages are not among it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = ("src", "srcset", "data", "poster") + (("href",) if tag in ("link", "use", "image") else ())
        self.found += [value for name, value in attrs if name in names and value]


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    foreign = []
    for page in pages:
        resources = Resources()
        resources.feed(page.read_text(encoding="utf-8"))
        foreign += [(page.name, each) for each in resources.found if "//" in each]
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        foreign += [(sheet.name, mark) for mark in ("url(http", 'url("http', "url(//", "@import") if mark in text]
    assert foreign == []


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    program = find_browser()
    if program is None:
        pytest.skip("no Chromium or Chrome here")
    with browser_page(program) as opened:
        yield opened


@pytest.fixture(scope="module", params=["with-javascript", "without-javascript"])
def pages(site: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """The site, and the same without its scripts."""
    if request.param == "with-javascript":
        return site
    plain = tmp_path_factory.mktemp("plain") / "site"
    shutil.copytree(site, plain)
    for path in plain.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r"<script.*?</script>", "", text, flags=re.S), encoding="utf-8")
    return plain


@pytest.mark.parametrize("name", PAGES)
def test_page_fits_a_phone(name: str, pages: Path, page: Page) -> None:
    page.resize(360, 740)
    page.open(pages / f"{name}.html")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    asked = [request["request"]["url"] for request in page.of("Network.requestWillBeSent")]
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
