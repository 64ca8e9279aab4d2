"""`tinymnist list`: what comes with tinymnist."""

from typing import TYPE_CHECKING

from tinymnist.cli.options import Json
from tinymnist.cli.outputs import output
from tinymnist.console import show, show_json, width
from tinymnist.text import fitted_table

if TYPE_CHECKING:
    from tinymnist.cli.outputs.list import ArchitectureOutput, Measured, RecipeOutput


def command(as_json: Json = False) -> None:
    """List the packaged architectures and recipes.

    Shows the parameters and the measured accuracy of each architecture.
    """
    architectures, recipes = _architectures(), _recipes()
    if as_json:
        show_json(output("list", architectures=architectures, recipes=recipes))
    else:
        show("\n".join([*_architectures_as_text(architectures), "", *_recipes_as_text(recipes)]))


def _architectures() -> "list[ArchitectureOutput]":
    from tinymnist.cli.outputs.list import ArchitectureOutput
    from tinymnist.spec import load_spec
    from tinymnist.spec.packaged import measured_results, packaged_files, packaged_networks

    results, networks = measured_results(), packaged_networks()
    specs = {name: load_spec(file) for name, file in packaged_files().items()}
    return [
        ArchitectureOutput(
            name=name,
            parameters=spec.plan.parameters,
            multiply_adds=spec.plan.macs,
            accuracy=results.get(name),
            trained=name in networks,
            description=spec.description,
        )
        for name, spec in specs.items()
    ]


def _recipes() -> "list[RecipeOutput]":
    from tinymnist.cli.outputs.list import RecipeOutput
    from tinymnist.spec import load_recipe
    from tinymnist.spec.packaged import packaged_recipes

    recipes = {name: load_recipe(name) for name in packaged_recipes()}
    return [
        RecipeOutput(
            name=name,
            epochs=recipe.epochs,
            batch_size=recipe.batch_size,
            optimizer=recipe.optimizer.name,
            schedule=recipe.schedule.name,
            chosen_on=recipe.chosen_on,
            description=description,
        )
        for name, (recipe, description) in recipes.items()
    ]


def _architectures_as_text(rows: "list[ArchitectureOutput]") -> list[str]:
    titles = ["name", "parameters", "multiply-adds", "accuracy % (n)", "trained", "description"]
    cells = [
        [
            row.name,
            f"{row.parameters:,}",
            f"{row.multiply_adds:,}",
            _measured(row.accuracy),
            "yes" if row.trained else "no",
            row.description,
        ]
        for row in rows
    ]
    return fitted_table("< > > <17 < <", [titles, *cells], width())


def _measured(accuracy: "Measured | None") -> str:
    if accuracy is None:
        return "not measured"
    spread = f" ± {accuracy.std:.2f}" if accuracy.n > 1 else ""
    return f"{accuracy.mean:.2f}{spread} ({accuracy.n})"


def _recipes_as_text(rows: "list[RecipeOutput]") -> list[str]:
    titles = ["recipe", "epochs", "batch", "optimizer", "schedule", "description"]
    cells = [
        [row.name, str(row.epochs), str(row.batch_size), row.optimizer, row.schedule, row.description] for row in rows
    ]
    return fitted_table("< > > < <9 <", [titles, *cells], width())
