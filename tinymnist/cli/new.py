"""`tinymnist new`: a commented spec to start from."""

import re
import shlex
from pathlib import Path
from typing import Annotated

import typer

from tinymnist.cli.console import show
from tinymnist.errors import DataError, UsageError
from tinymnist.spec import load_spec
from tinymnist.spec.dump import plain_is_same

TEMPLATE = Path(__file__).resolve().parent.parent / "spec" / "template.yaml"


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The YAML file to write; it must not exist yet.")],
) -> None:
    """Write a commented architecture to start from."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", file.stem).strip("-._")[:64] or "mine"
    text = TEMPLATE.read_text(encoding="utf-8").replace(
        "name: NAME", f"name: {name}" if plain_is_same(name) else f'name: "{name}"'
    )
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise UsageError(f"{file}: is there already: choose another name") from None
    except OSError as error:
        raise DataError(f"{file}: cannot be written: {error.strerror}") from None
    spec = load_spec(file)
    show(f"wrote {file}: {spec.plan.parameters:,} parameters\nnext: tinymnist check {shlex.quote(str(file))}")
