"""The JSON of `list`, and the rows of its tables."""

from tinymnist.cli.outputs.base import Shown


class Measured(Shown):
    mean: float
    std: float
    n: int
    seeds: list[float]
    """The accuracy of each seed."""


class ArchitectureOutput(Shown):
    name: str
    parameters: int
    multiply_adds: int
    accuracy: Measured | None
    trained: bool
    description: str


class RecipeOutput(Shown):
    name: str
    epochs: int
    batch_size: int
    optimizer: str
    schedule: str
    chosen_on: str
    description: str


class Output(Shown):
    """What `list --json` prints. Accuracies are percent."""

    architectures: list[ArchitectureOutput]
    recipes: list[RecipeOutput]
