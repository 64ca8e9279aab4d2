"""`tinymnist schema`: the JSON Schema of the spec language, or of what a command prints with `--json`."""

import json
from importlib import import_module
from typing import Annotated, Any, Union

import typer
from typing_extensions import TypedDict

from tinymnist.console import show
from tinymnist.errors import UsageError
from tinymnist.text import SCHEMA_VERSION, did_you_mean, shown

WITH_JSON = (
    "build", "summary", "check", "train", "evaluate", "compare", "predict", "report", "export", "benchmark", "front",
    "list",
)  # fmt: skip
"""The commands that have `--json`. The module of each holds the type `Output`, or a function `output` that gives it."""


class Problem(TypedDict):
    """What went wrong."""

    kind: str
    message: str
    exit_code: int


class Failure(TypedDict):
    """What a command prints with `--json` when it fails: `console.report_error`."""

    error: Problem


def command(
    of: Annotated[
        str | None, typer.Argument(metavar="[COMMAND]", help="Of what this prints with --json; default: architectures.")
    ] = None,
) -> None:
    """Print the JSON Schema of architectures, for editors, or of what a command prints with --json."""
    schema = _of_architectures() if of is None else _of_output(of)
    show(json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2))


def _of_architectures() -> dict[str, Any]:
    from tinymnist.spec import Spec

    return Spec.model_json_schema()


def _of_output(name: str) -> dict[str, Any]:
    """Of the one object that a command prints with `--json`, whether it succeeds or fails."""
    if name not in WITH_JSON:
        raise UsageError(f"{shown(name)[1:-1]}: no command with --json: {did_you_mean(name, WITH_JSON)}")

    from pydantic import TypeAdapter

    module = import_module(f"tinymnist.cli.{'list_' if name == 'list' else name}")
    output = module.output() if hasattr(module, "output") else module.Output
    either: Any = Union[output, Failure]  # noqa: UP007 - made here, not written
    schema = TypeAdapter(either).json_schema()
    for form in schema["anyOf"]:
        _versioned(schema["$defs"][form["$ref"].rpartition("/")[2]])
    return {"title": f"tinymnist {name} --json", **schema}


def _versioned(form: dict[str, Any]) -> None:
    """Adds the version, which `show_json` puts in front of every object."""
    form["properties"] = {"schema_version": {"const": SCHEMA_VERSION}, **form["properties"]}
    form["required"] = sorted({"schema_version", *form["required"]}, key=list(form["properties"]).index)
