"""`tinymnist list`: what comes with tinymnist."""

from typing import cast

from typing_extensions import TypedDict

from tinymnist.cli.options import Json
from tinymnist.console import show, show_json


class Measured(TypedDict):
    mean: float
    std: float
    n: int
    seeds: list[float]
    """The accuracy of each seed."""


class ArchitectureOutput(TypedDict):
    name: str
    parameters: int
    multiply_adds: int
    accuracy: Measured | None
    trained: bool
    description: str


class RecipeOutput(TypedDict):
    name: str
    epochs: int
    batch_size: int
    optimizer: str
    schedule: str
    chosen_on: str
    description: str


class Output(TypedDict):
    """What `list --json` prints. Accuracies are percent."""

    architectures: list[ArchitectureOutput]
    recipes: list[RecipeOutput]


def command(as_json: Json = False) -> None:
    """List the packaged architectures, with parameters and measured accuracy, and the packaged recipes."""
    architectures, recipes = _architectures(), _recipes()
    if as_json:
        show_json(Output(architectures=architectures, recipes=recipes))
    else:
        show(f"{_architectures_text(architectures)}\n\n{_recipes_text(recipes)}")


def _architectures() -> list[ArchitectureOutput]:
    from tinymnist.spec import load_spec
    from tinymnist.spec.packaged import measured_results, packaged_files, packaged_networks

    results, networks = measured_results(), packaged_networks()
    rows: list[ArchitectureOutput] = []
    for name, file in packaged_files().items():
        spec = load_spec(file)
        rows.append(
            {
                "name": name,
                "parameters": spec.plan.parameters,
                "multiply_adds": spec.plan.macs,
                "accuracy": cast("Measured | None", results.get(name)),
                "trained": name in networks,
                "description": spec.description,
            }
        )
    return rows


def _recipes() -> list[RecipeOutput]:
    from tinymnist.spec import load_recipe
    from tinymnist.spec.packaged import packaged_recipes

    rows: list[RecipeOutput] = []
    for name in packaged_recipes():
        recipe, description = load_recipe(name)
        rows.append(
            {
                "name": name,
                "epochs": recipe.epochs,
                "batch_size": recipe.batch_size,
                "optimizer": recipe.optimizer.name,
                "schedule": recipe.schedule.name,
                "chosen_on": recipe.chosen_on,
                "description": description,
            }
        )
    return rows


def _measured(accuracy: Measured | None) -> str:
    if accuracy is None:
        return "not measured"
    spread = f" ± {accuracy['std']:.2f}" if accuracy["n"] > 1 else ""
    return f"{accuracy['mean']:.2f}{spread} ({accuracy['n']})"


def _architectures_text(rows: list[ArchitectureOutput]) -> str:
    width = max(len(row["name"]) for row in rows)
    lines = [f"{'name':{width}}  parameters  multiply-adds  accuracy % (n)     trained  description"]
    for row in rows:
        measured = _measured(row["accuracy"])
        lines.append(
            f"{row['name']:{width}}  {row['parameters']:>10,}  {row['multiply_adds']:>13,}  {measured:17}  "
            f"{'yes' if row['trained'] else 'no':7}  {row['description']}"
        )
    return "\n".join(lines)


def _recipes_text(rows: list[RecipeOutput]) -> str:
    width = max(len("recipe"), *(len(row["name"]) for row in rows))
    lines = [f"{'recipe':{width}}  epochs  batch  optimizer  schedule   description"]
    for row in rows:
        facts = f"{row['epochs']:>6}  {row['batch_size']:>5}  {row['optimizer']:9}  {row['schedule']:9}"
        lines.append(f"{row['name']:{width}}  {facts}  {row['description']}")
    return "\n".join(lines)
