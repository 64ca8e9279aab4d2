"""`tinymnist new`: a commented spec to start from."""

import os
import re
import shlex
from pathlib import Path
from typing import Annotated

import typer

from tinymnist.console import show
from tinymnist.errors import DataError, UsageError
from tinymnist.files import make_folder, write_atomically

TEMPLATE = Path(__file__).resolve().parent.parent / "spec" / "template.yaml"


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", readable=False, help="The YAML file to write.")],
) -> None:
    """Write a commented architecture to start from."""
    from tinymnist.spec.dump import plain_is_same
    from tinymnist.spec.load import document_from_text
    from tinymnist.spec.packaged import SUFFIXES

    if file.suffix.lower() not in SUFFIXES:
        file = file.with_name(f"{file.name}.yaml")
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", file.stem).strip("-._")[:64] or "mine"
    text = TEMPLATE.read_text(encoding="utf-8").replace(
        "name: NAME", f"name: {name}" if plain_is_same(name) else f'name: "{name}"'
    )
    spec = document_from_text(text, str(file)).spec
    if os.path.lexists(file):
        raise UsageError(f"{file}: already exists: choose another name")
    try:
        make_folder(file.parent)
    except OSError as error:
        raise DataError(f"{file.parent}: cannot be made: {error.strerror or error}") from None
    write_atomically(file, text)
    show(f"wrote {file}: {spec.plan.parameters:,} parameters\nnext: tinymnist check {shlex.quote(str(file))}")
