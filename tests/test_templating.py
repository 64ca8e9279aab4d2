"""Templates: what is put into a page stays text, and JSON stays within its element."""

import json
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError
from markupsafe import Markup

from tinymnist.templating import render, script_json


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an importable package, `pages`."""
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pages", raising=False)
    return folder


def test_values_are_escaped_and_markup_is_not(package: Path) -> None:
    (package / "page.html").write_text('<p title="{{ text }}">{{ text }}{{ markup }}</p>\n')
    filled = render("pages", "page.html", text="<b> & \"'\u202e\n{{ 1 + 1 }}", markup=Markup("<hr>"))
    escaped = "&lt;b&gt; &amp; &#34;&#39;\\u202e\n{{ 1 + 1 }}"
    assert filled == f'<p title="{escaped}">{escaped}<hr></p>\n'


def test_a_value_that_is_missing_is_an_error(package: Path) -> None:
    (package / "page.html").write_text("{{ text }}")
    with pytest.raises(UndefinedError, match="'text' is undefined"):
        render("pages", "page.html")


class Elements(HTMLParser):
    """The tags of a document, and all text between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.tags.append("a comment")


TAGS = st.sampled_from(["</script>", "</SCRIPT ", "<script>", "<!--", "-->", "<", "\\u003c", "\\"])


@given(st.lists(st.one_of(TAGS, st.text())).map("".join))
def test_json_cannot_close_its_element_and_keeps_its_value(value: str) -> None:
    found = Elements(f'<script type="application/json">{script_json(json.dumps([value]))}</script>')
    assert found.tags == ["script", "/script"]
    assert json.loads(found.text) == [value]
