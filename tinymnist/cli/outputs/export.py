"""The JSON of `export`."""

from typing import Annotated

from pydantic import BeforeValidator

from tinymnist.cli.outputs.base import Shown, Text, at


class Output(Shown):
    """What `export --json` prints. `facts` depend on the format: accuracy in percent, n images, sizes in bytes."""

    output: Text
    format: str
    files: dict[str, Annotated[int, BeforeValidator(len)]] = at("artifact.files")
    facts: dict[str, int | float | str | bool] = at("artifact.facts")
