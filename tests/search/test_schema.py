"""`tinymnist schema --search`: the JSON Schema of search files, which judges them as the loader does."""

import json
from typing import Any

import jsonschema
import pytest
import yaml

from tests.support.command_line import Cli
from tests.support.searches import SEARCH
from tinymnist.search.declaration import Search


@pytest.fixture
def schema(cli: Cli) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(cli("schema", "--search").out)
    return content


def is_valid(schema: dict[str, Any], text: str) -> bool:
    valid: bool = jsonschema.Draft202012Validator(schema).is_valid(yaml.safe_load(text))
    return valid


def test_it_is_the_schema_of_a_search(schema: dict[str, Any]) -> None:
    assert schema == {"$schema": "https://json-schema.org/draft/2020-12/schema", **Search.model_json_schema()}


def test_it_accepts_a_search(schema: dict[str, Any]) -> None:
    assert is_valid(schema, SEARCH)


@pytest.mark.parametrize(
    "change",
    [("int:", "whole:"), ("trials: 5", "trials: 0"), ("log: [0.02, 0.4]", "log: [0.02]"), ("base:", "bases:")],
    ids=["name of a field", "no trials", "one bound", "unknown key"],
)
def test_it_refuses_what_the_loader_refuses(schema: dict[str, Any], change: tuple[str, str]) -> None:
    assert not is_valid(schema, SEARCH.replace(*change))


def test_every_key_is_described(schema: dict[str, Any]) -> None:
    for mapping in (schema, *schema["$defs"].values()):
        assert [key for key, value in mapping["properties"].items() if not value.get("description")] == []


def test_two_schemas_at_once_are_refused(cli: Cli) -> None:
    outcome = cli("schema", "search", "--search")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == "tinymnist: schema: search and --search: are two schemas: give one of the two\n"
