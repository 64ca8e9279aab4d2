"""`tinymnist summary`: the table of layers, and what they cost."""

from typing import TYPE_CHECKING

from typing_extensions import TypedDict

from tinymnist.cli.options import Arch, Json, Set, load
from tinymnist.console import show, show_json

if TYPE_CHECKING:
    from tinymnist.model import Summary


class LayerOutput(TypedDict):
    name: str
    type: str
    input: tuple[int, ...]
    output: tuple[int, ...]
    parameters: int
    buffers: int
    multiply_adds: int
    receptive_field: tuple[int, int]


class Output(TypedDict):
    """What `summary --json` prints."""

    name: str
    parameters: int
    buffers: int
    multiply_adds: int
    torchinfo_mult_adds: int
    receptive_field: tuple[int, int]
    peak_activation_bytes: int
    layers: list[LayerOutput]


def command(arch: Arch, overrides: Set = None, as_json: Json = False) -> None:
    """Show every layer, multiply-adds, receptive field and peak activation memory."""
    spec = load(arch, overrides)

    from tinymnist.model import summarize

    summary = summarize(spec)
    if as_json:
        show_json(_as_dict(summary))
    else:
        show(_as_text(summary))


def _as_dict(summary: "Summary") -> Output:
    plan = summary.plan
    return {
        "name": summary.name,
        "parameters": plan.parameters,
        "buffers": plan.buffers,
        "multiply_adds": plan.macs,
        "torchinfo_mult_adds": summary.torchinfo_mult_adds,
        "receptive_field": plan.receptive_field,
        "peak_activation_bytes": plan.peak_activation_bytes,
        "layers": [
            {
                "name": layer.name,
                "type": layer.label,
                "input": layer.input,
                "output": layer.output,
                "parameters": layer.parameters,
                "buffers": layer.buffers,
                "multiply_adds": layer.macs,
                "receptive_field": layer.receptive_field,
            }
            for layer in plan.layers
        ],
    }


def _as_text(summary: "Summary") -> str:
    plan = summary.plan
    height, width = plan.receptive_field
    rows = {
        "Parameters": f"{plan.parameters:,} (buffers, not counted: {plan.buffers:,})",
        "Multiply-adds": f"{plan.macs:,} (without biases and norms; torchinfo: {summary.torchinfo_mult_adds:,})",
        "Receptive field": f"{height}x{width}",
        "Peak activation memory": f"{plan.peak_activation_bytes:,} bytes (inference, batch 1, float32)",
    }
    return "\n".join([summary.table, *(f"{name}: {value}" for name, value in rows.items())])
