"""Options that several commands share.

Commands import what they need when they run, so that `--help` answers at once.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tinymnist import choices
from tinymnist.cli.completion import complete_archs, complete_data, complete_runs
from tinymnist.errors import UsageError

if TYPE_CHECKING:
    from tinymnist.spec import Override, Spec

RECIPE, DATA, COMPUTING = "Recipe", "Data", "Computing"
"""Panels of the help."""

ARCH_HELP = "A YAML file, or the name of a packaged architecture."
Arch = Annotated[str, typer.Argument(metavar="ARCH", autocompletion=complete_archs, help=ARCH_HELP)]
RunPath = Annotated[
    Path,
    typer.Argument(
        metavar="RUN",
        readable=False,
        autocompletion=complete_runs,
        help="A run, or the name of a network in `list`.",
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a key of the spec, as in blocks[0].dropout=0.05.",
    ),
]
Strict = Annotated[bool, typer.Option("--strict", help="Treat what is almost surely a mistake as a failure.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def writes_json(form: str, as_json: bool) -> bool:
    """Whether JSON is asked for: `--json` is short for `--format json`. Raises `UsageError` for both `--json` and
    another format."""
    if as_json and form not in ("text", "json"):
        raise UsageError(f"--json and --format {form}: give one of them")
    return as_json or form == "json"


Dataset = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        metavar="NAME|PATH",
        autocompletion=complete_data,
        help="auto (mnist, else mnist-5k), a name that `data --help` lists, or a path that `data` can read.",
        rich_help_panel=DATA,
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        readable=False,
        help="Folder of data sets [TINYMNIST_DATA, or a cache].",
        rich_help_panel=DATA,
    ),
]
Device = Annotated[choices.Device, typer.Option("--device", help="Where to compute.", rich_help_panel=COMPUTING)]


def load(
    arch: str, overrides: list[str] | None, recipe: str | None = None, train: Mapping[str, object] | None = None
) -> "Spec":
    """The spec that ARCH, `--set`, `--recipe` and the flags for keys of `train` mean: `{"--batch-size": 64}`, with None
    for a flag that is not given."""
    from tinymnist.spec import load_document
    from tinymnist.spec.packaged import find_spec_file

    return load_document(find_spec_file(arch), _given(overrides, train), recipe).spec


def load_from_run(
    run: Path, overrides: list[str] | None, recipe: str | None, train: Mapping[str, object] | None
) -> "tuple[Spec, str]":
    """The spec of a run, with the same options, and the data set that it was trained on."""
    from tinymnist.spec.dump import dump_spec
    from tinymnist.spec.load import document_from_text
    from tinymnist.training import load_run

    opened = load_run(run)
    spec = document_from_text(dump_spec(opened.spec), str(run), _given(overrides, train), recipe).spec
    return spec, opened.environment.dataset


def _given(overrides: list[str] | None, train: Mapping[str, object] | None) -> "list[Override]":
    from tinymnist.errors import UsageError
    from tinymnist.spec import Override, parse_override

    given = [parse_override(text) for text in overrides or []]
    for flag, value in (train or {}).items():
        if value is not None:
            path = ("train", flag.removeprefix("--").replace("-", "_"))
            if any(override.path == path for override in given):
                raise UsageError(f"{flag} and --set {'.'.join(path)}: are the same: give one of the two")
            given.append(Override(path, value, f"{flag} {value}"))
    return given
