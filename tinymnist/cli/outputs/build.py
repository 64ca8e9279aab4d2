"""The JSON of `build`."""

from tinymnist.cli.outputs.base import Shown, at


class BlockOutput(Shown):
    name: str
    input: tuple[int, ...]
    output: tuple[int, ...]
    parameters: int


class Output(Shown):
    """What `build --json` prints."""

    name: str = at("spec.name")
    parameters: int = at("spec.plan.parameters")
    blocks: list[BlockOutput]
