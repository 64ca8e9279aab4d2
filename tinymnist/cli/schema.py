"""`tinymnist schema`: the JSON Schema of specs, of search files and assignments, or of what a command prints with
`--json`."""

import json
from typing import Annotated, Any, Union

import typer

from tinymnist.cli.completion import complete_from
from tinymnist.cli.outputs import WITH_JSON, output_type
from tinymnist.console import show
from tinymnist.errors import UsageError
from tinymnist.text import SCHEMA_VERSION, did_you_mean, shown


def command(
    of: Annotated[
        str | None,
        typer.Argument(
            metavar="COMMAND",
            autocompletion=complete_from(WITH_JSON),
            help="The command whose --json output to describe; default: architectures.",
        ),
    ] = None,
    search: Annotated[bool, typer.Option("--search", help="Describe search files instead.")] = False,
    assignment: Annotated[bool, typer.Option("--assignment", help="Describe assignments instead.")] = False,
) -> None:
    """Print the JSON Schema of specs, other files or --json output.

    Editors use those of files to complete and check them.
    """
    given = [*([shown(of)[1:-1]] if of else []), *["--search"] * search, *["--assignment"] * assignment]
    if len(given) > 1:
        raise UsageError(f"schema: {' and '.join(given)}: are two schemas: give one of the two")
    if search:
        schema = search_schema()
    elif assignment:
        schema = assignment_schema()
    else:
        schema = spec_schema() if of is None else output_schema(of)
    show(json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2))


def spec_schema() -> dict[str, Any]:
    """Schema of an architecture."""
    from tinymnist.spec import Spec

    return Spec.model_json_schema()


def search_schema() -> dict[str, Any]:
    """Schema of a search file."""
    from tinymnist.search.declaration import Search

    return Search.model_json_schema()


def assignment_schema() -> dict[str, Any]:
    """Schema of an assignment."""
    from tinymnist.grading.declaration import Assignment

    return Assignment.model_json_schema()


def output_schema(command: str) -> dict[str, Any]:
    """Schema of the one object that `command` prints with `--json`, whether it succeeds or fails."""
    if command not in WITH_JSON:
        raise UsageError(f"{shown(command)[1:-1]}: no command with --json: {did_you_mean(command, WITH_JSON)}")

    from pydantic import TypeAdapter

    from tinymnist.cli.outputs.failure import Failure

    either: Any = Union[output_type(command), Failure]  # noqa: UP007 - made here, not written
    schema = TypeAdapter(either).json_schema(mode="serialization")
    for form in schema["anyOf"]:
        _add_version(schema["$defs"][form["$ref"].rpartition("/")[2]])
    return {"title": f"tinymnist {command} --json", **schema}


def _add_version(form: dict[str, Any]) -> None:
    """Adds the version that `show_json` puts in front of every object."""
    form["properties"] = {"schema_version": {"const": SCHEMA_VERSION}, **form["properties"]}
    form["required"] = sorted({"schema_version", *form["required"]}, key=list(form["properties"]).index)
