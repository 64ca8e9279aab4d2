"""What commands print with `--json`. The module of a command declares its keys once, in a type `Output` that both reads
them from the result and is published by `tinymnist schema COMMAND`."""

from importlib import import_module
from types import SimpleNamespace
from typing import Any

WITH_JSON = (
    "build", "summary", "check", "data", "train", "search", "evaluate", "verify", "grade", "compare", "predict",
    "report", "quantize", "export", "benchmark", "front", "list", "runs",
)  # fmt: skip
"""The commands that have `--json`."""


def output_type(command: str) -> Any:
    """The type of the object that `command` prints: a model, or a union of models."""
    return import_module(f"{__name__}.{command}").Output


def output(command: str, result: object = None, **results: object) -> dict[str, Any]:
    """What `command` prints with `--json` for its `result`, or for several of them by name."""
    return as_output(output_type(command), SimpleNamespace(**results) if result is None else result)


def as_output(kind: Any, result: object) -> dict[str, Any]:
    """`result` as the type `kind` shows it."""
    from pydantic import TypeAdapter

    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    content: dict[str, Any] = adapter.dump_python(adapter.validate_python(result), exclude_defaults=True)
    return content
