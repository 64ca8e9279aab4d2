"""`tinymnist list`: what comes with tinymnist."""

from typing import Any

from tinymnist.cli.options import Json
from tinymnist.console import show, show_json


def command(as_json: Json = False) -> None:
    """List the packaged architectures, with parameters and measured accuracy, and the packaged recipes."""
    architectures, recipes = _architectures(), _recipes()
    if as_json:
        show_json({"architectures": architectures, "recipes": recipes})
    else:
        show(f"{_architectures_text(architectures)}\n\n{_recipes_text(recipes)}")


def _architectures() -> list[dict[str, Any]]:
    from tinymnist.spec import load_spec
    from tinymnist.spec.packaged import measured_results, packaged_files, packaged_networks

    results, networks = measured_results(), packaged_networks()
    rows = []
    for name, file in packaged_files().items():
        spec = load_spec(file)
        rows.append(
            {
                "name": name,
                "parameters": spec.plan.parameters,
                "multiply_adds": spec.plan.macs,
                "accuracy": results.get(name),
                "trained": name in networks,
                "description": spec.description,
            }
        )
    return rows


def _recipes() -> list[dict[str, Any]]:
    from tinymnist.spec import load_recipe
    from tinymnist.spec.packaged import packaged_recipes

    rows = []
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


def _measured(accuracy: dict[str, Any] | None) -> str:
    if accuracy is None:
        return "not measured"
    spread = f" ± {accuracy['std']:.2f}" if accuracy["n"] > 1 else ""
    return f"{accuracy['mean']:.2f}{spread} ({accuracy['n']})"


def _architectures_text(rows: list[dict[str, Any]]) -> str:
    width = max(len(row["name"]) for row in rows)
    lines = [f"{'name':{width}}  parameters  multiply-adds  accuracy % (n)     description"]
    for row in rows:
        measured = _measured(row["accuracy"])
        lines.append(
            f"{row['name']:{width}}  {row['parameters']:>10,}  {row['multiply_adds']:>13,}  {measured:17}  "
            f"{row['description']}"
        )
    return "\n".join(lines)


def _recipes_text(rows: list[dict[str, Any]]) -> str:
    width = max(len("recipe"), *(len(row["name"]) for row in rows))
    lines = [f"{'recipe':{width}}  epochs  batch  optimizer  schedule   description"]
    for row in rows:
        facts = f"{row['epochs']:>6}  {row['batch_size']:>5}  {row['optimizer']:9}  {row['schedule']:9}"
        lines.append(f"{row['name']:{width}}  {facts}  {row['description']}")
    return "\n".join(lines)
