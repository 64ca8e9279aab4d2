"""Options that several commands share.

Commands import what they need when they run, so that `--help` answers at once.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tinymnist.spec import Spec

Arch = Annotated[str, typer.Argument(metavar="ARCH", help="A YAML file, or the name of a packaged architecture.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the spec, as in blocks[0].dropout=0.05."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Dataset = Annotated[
    str | None,
    typer.Option("--dataset", metavar="NAME", help="mnist, fashion-mnist, mnist-5k or auto (mnist, else mnist-5k)."),
]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="DIR", readable=False, help="Folder of data sets [TINYMNIST_DATA, or a cache]."),
]
Device = Annotated[str, typer.Option("--device", metavar="NAME", help="auto, cpu, cuda or mps.")]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        metavar="N",
        min=1,
        max=256,
        help="CPU threads; default: torch's choice, 1 where several seeds train at once.",
    ),
]


def load(
    arch: str,
    overrides: list[str] | None,
    flags: dict[str, tuple[str, object]] | None = None,
    recipe: str | None = None,
) -> "Spec":
    """The spec that ARCH, `--recipe`, `--set` and the named `flags` mean: `{"--epochs": ("train.epochs", 3)}`.

    None: not given.
    """
    from tinymnist.errors import UsageError
    from tinymnist.spec import Override, load_document, parse_override
    from tinymnist.spec.packaged import find_spec_file
    from tinymnist.spec.path import path_text

    given = [parse_override(text) for text in overrides or []]
    for flag, (path, value) in (flags or {}).items():
        if value is not None:
            if any(path_text(override.path) == path for override in given):
                raise UsageError(f"{flag} and --set {path}: are the same: give one of the two")
            given.append(Override(tuple(path.split(".")), value, f"{flag} {value}"))
    return load_document(find_spec_file(arch), given, recipe).spec
