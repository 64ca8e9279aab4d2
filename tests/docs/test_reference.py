"""The reference pages follow from the code: `pytest tests/docs --overwrite` writes them again."""

import runpy
from pathlib import Path

import pytest
from pydantic import BaseModel

import tinymnist
from tests.support.command_line import ROOT
from tinymnist.grading.declaration import Assignment
from tinymnist.search.declaration import Search
from tinymnist.spec import Spec

REFERENCE = ROOT / "docs" / "reference"
PAGES: dict[Path, str] = runpy.run_path(str(ROOT / "docs" / "generate.py"))["pages"]()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_is_up_to_date(page: Path, request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--overwrite"):
        page.write_text(PAGES[page], encoding="utf-8")
    assert page.read_text(encoding="utf-8").splitlines() == PAGES[page].splitlines()


@pytest.mark.parametrize(
    ("page", "model"),
    [("language.md", Spec), ("search.md", Search), ("assignment.md", Assignment)],
    ids=["language", "search", "assignment"],
)
def test_every_key_of_a_file_is_described(page: str, model: type[BaseModel]) -> None:
    schema = model.model_json_schema()
    keys = [key for mapping in (schema, *schema["$defs"].values()) for key in mapping["properties"]]
    entries = [line.split("`")[1] for line in PAGES[REFERENCE / page].splitlines() if line.startswith("- `")]
    assert sorted(entries) == sorted(keys)


def test_a_dimension_of_a_search_is_described_by_the_keys_of_the_file() -> None:
    entries = PAGES[REFERENCE / "search.md"].splitlines()
    assert (
        "- `int`: Whole numbers: [lowest, highest], or [lowest, highest, step].<br>a list, each entry whole number"
        in (line.partition(" from ")[0] for line in entries)
    )
    assert "- `float`: Numbers: [lowest, highest].<br>a list of 2 numbers" in entries


def test_every_choice_and_default_of_an_option_is_described() -> None:
    assert (
        "- `--format <text|json|junit|github>`: How the verdicts are written. [default: text]"
        in (PAGES[REFERENCE / "command-line.md"])
    )


def test_every_public_name_is_documented() -> None:
    page = (REFERENCE / "python.md").read_text(encoding="utf-8")
    documented = [line.removeprefix("::: tinymnist.") for line in page.splitlines() if line.startswith("::: ")]
    assert sorted(documented) == sorted({*tinymnist.__all__} - {"__version__"})
