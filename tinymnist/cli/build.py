"""`tinymnist build`: validate, build, and say what was built."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typing_extensions import TypedDict

from tinymnist.cli.options import Arch, Json, Set, load
from tinymnist.console import say, show, show_json
from tinymnist.text import shape_text

if TYPE_CHECKING:
    from tinymnist.spec import Plan, Spec


class BlockOutput(TypedDict):
    name: str
    input: tuple[int, ...]
    output: tuple[int, ...]
    parameters: int


class Output(TypedDict):
    """What `build --json` prints."""

    name: str
    parameters: int
    blocks: list[BlockOutput]


def command(
    arch: Arch,
    overrides: Set = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", readable=False, help="Write fresh weights here."),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", min=0, max=2**31 - 1, help="Seed of the fresh weights.")
    ] = 0,
    as_json: Json = False,
) -> None:
    """Validate an architecture, build it, and show its parameters by block."""
    spec = load(arch, overrides)

    import torch

    from tinymnist.model import build_model, save_weights

    torch.manual_seed(seed)
    model = build_model(spec)
    if output is not None:
        save_weights(model, output)
        say(f"wrote {output}: fresh weights, seed {seed}")
    if as_json:
        show_json(_as_dict(spec))
    else:
        show(_as_text(spec))


def _blocks(plan: "Plan") -> list[BlockOutput]:
    return [
        {
            "name": name,
            "input": layers[0].input,
            "output": layers[-1].output,
            "parameters": sum(layer.parameters for layer in layers),
        }
        for name, layers in plan.blocks.items()
    ]


def _as_dict(spec: "Spec") -> Output:
    return {"name": spec.name, "parameters": spec.plan.parameters, "blocks": _blocks(spec.plan)}


def _as_text(spec: "Spec") -> str:
    blocks = _blocks(spec.plan)
    width = max(len(block["name"]) for block in blocks)
    lines = [f"{spec.name}: {spec.plan.parameters:,} parameters"]
    for block in blocks:
        shapes = f"{shape_text(block['input'])} -> {shape_text(block['output'])}"
        lines.append(f"  {block['name']:{width}}  {shapes:22} {block['parameters']:>9,}")
    return "\n".join(lines)
