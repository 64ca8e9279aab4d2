"""`tinymnist build`: validate, build, and say what was built."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tinymnist.cli.options import Arch, Json, Set, Strict, load
from tinymnist.cli.outputs import output
from tinymnist.console import complain, loading_torch, say, show, show_json
from tinymnist.errors import CheckFailed
from tinymnist.text import shape_text, table

if TYPE_CHECKING:
    from tinymnist.cli.outputs.build import BlockOutput
    from tinymnist.spec import Plan, Spec


def command(
    arch: Arch,
    overrides: Set = None,
    weights: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", readable=False, help="Write fresh weights to this file."),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", min=0, max=2**31 - 1, help="Seed of the fresh weights.")
    ] = 0,
    strict: Strict = False,
    as_json: Json = False,
) -> int:
    """Validate and build an architecture; show its parameters."""
    from tinymnist.check import doubts

    spec = load(arch, overrides)

    with loading_torch():
        from tinymnist.model import build_model, save_weights
        from tinymnist.model.generator import drawing

    with drawing(seed):
        model = build_model(spec)
    found = doubts(spec)
    for doubt in found:
        complain(f"warning: {spec.name}: {doubt.text}")
    if weights is not None:
        save_weights(model, weights)
        say(f"wrote {weights}: fresh weights, seed {seed}")
    blocks = _blocks(spec.plan)
    if as_json:
        show_json(output("build", spec=spec, blocks=blocks))
    else:
        show(_as_text(spec, blocks))
    return CheckFailed.exit_code if strict and found else 0


def _blocks(plan: "Plan") -> "list[BlockOutput]":
    from tinymnist.cli.outputs.build import BlockOutput

    return [
        BlockOutput(
            name=name,
            input=layers[0].input,
            output=layers[-1].output,
            parameters=sum(layer.parameters for layer in layers),
        )
        for name, layers in plan.blocks.items()
    ]


def _as_text(spec: "Spec", blocks: "list[BlockOutput]") -> str:
    rows = [
        [block.name, f"{shape_text(block.input)} -> {shape_text(block.output)}", f"{block.parameters:,}"]
        for block in blocks
    ]
    lines = [f"  {line}" for line in table("< <22 >8", rows)]
    return "\n".join([f"{spec.name}: {spec.plan.parameters:,} parameters", *lines])
