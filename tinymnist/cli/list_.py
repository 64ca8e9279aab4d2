"""`tinymnist list`: what comes with tinymnist."""

from typing import Any

from tinymnist.cli.options import Json
from tinymnist.console import show, show_json


def command(as_json: Json = False) -> None:
    """List the packaged architectures, with parameters and measured accuracy."""
    rows = _rows()
    if as_json:
        show_json({"architectures": rows})
    else:
        show(_as_text(rows))


def _rows() -> list[dict[str, Any]]:
    from tinymnist.spec import load_spec
    from tinymnist.spec.packaged import measured_results, packaged_files

    results = measured_results()
    rows = []
    for name, file in packaged_files().items():
        spec = load_spec(file)
        rows.append(
            {
                "name": name,
                "parameters": spec.plan.parameters,
                "multiply_adds": spec.plan.macs,
                "accuracy": results.get(name),
                "description": spec.description,
            }
        )
    return rows


def _measured(accuracy: dict[str, Any] | None) -> str:
    if accuracy is None:
        return "not measured"
    spread = f" ± {accuracy['std']:.2f}" if accuracy["n"] > 1 else ""
    return f"{accuracy['mean']:.2f}{spread} ({accuracy['n']})"


def _as_text(rows: list[dict[str, Any]]) -> str:
    width = max(len(row["name"]) for row in rows)
    lines = [f"{'name':{width}}  parameters  multiply-adds  accuracy % (n)     description"]
    for row in rows:
        measured = _measured(row["accuracy"])
        lines.append(
            f"{row['name']:{width}}  {row['parameters']:>10,}  {row['multiply_adds']:>13,}  {measured:17}  "
            f"{row['description']}"
        )
    return "\n".join(lines)
