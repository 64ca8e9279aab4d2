"""The JSON of `data`."""

from pydantic.json_schema import SkipJsonSchema

from tinymnist.cli.outputs.base import Shown, optional


class PlaceOutput(Shown):
    """`origin` is a file or a row within the data set."""

    split: str
    class_name: str
    origin: str


class SplitOutput(Shown):
    """How many images there are, in all and of each class."""

    images: int
    by_class: dict[str, int]


class WarningOutput(Shown):
    kind: str
    message: str


class Output(Shown):
    """What `data --json` prints. `shape` is channels, height and width; `leaks` has all places of each image that is
    in more than one split; `file` is the contact sheet."""

    dataset: str
    digest: str
    shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    train: SplitOutput
    test: SplitOutput
    val: SplitOutput | SkipJsonSchema[None] = optional("val")
    leaks: list[tuple[PlaceOutput, ...]]
    warnings: list[WarningOutput]
    file: str | SkipJsonSchema[None] = optional("file")
