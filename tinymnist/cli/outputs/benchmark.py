"""The JSON of `benchmark`."""

from typing import Annotated

from pydantic import BeforeValidator

from tinymnist.cli.outputs.base import Shown, Text, at


class RowOutput(Shown):
    """One format: accuracy in percent, latency of one image in seconds; or the `problem`, and figures of 0."""

    format: str
    bytes: int
    accuracy: float
    latency: float
    images_per_second: float
    problem: str | None


class CoreRowOutput(Shown):
    """One form of the C program on one core; or the `problem`, and figures of 0. Sizes in bytes."""

    core: str
    dtype: str
    optimize: str
    instructions_per_image: int
    flash: int
    ram: int
    stack: int
    problem: str | None


class Output(Shown):
    """What `benchmark --json` prints."""

    run: Text = at("run.path")
    name: str = at("run.spec.name")
    dataset: str = at("data.name")
    n: Annotated[int, BeforeValidator(len)] = at("data.test")
    rows: list[RowOutput]
    clock: float | None
    """As given, in MHz."""
    core_rows: list[CoreRowOutput]
