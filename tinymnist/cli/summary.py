"""`tinymnist summary`: the table of layers, and what they cost."""

from typing import TYPE_CHECKING

from tinymnist.cli.options import Arch, Json, Set, load
from tinymnist.cli.outputs import output
from tinymnist.console import loading_torch, show, show_json

if TYPE_CHECKING:
    from tinymnist.model import Summary


def command(arch: Arch, overrides: Set = None, as_json: Json = False) -> None:
    """Show every layer of an architecture, and what it costs.

    Counts parameters, multiply-adds, receptive field and peak activation memory.
    """
    spec = load(arch, overrides)

    with loading_torch():
        from tinymnist.model import summarize

    summary = summarize(spec)
    if as_json:
        show_json(output("summary", summary))
    else:
        show(_as_text(summary))


def _as_text(summary: "Summary") -> str:
    plan = summary.plan
    height, width = plan.receptive_field
    pooled = plan.field_before_global_pooling
    before = "" if pooled is None else f" (before global pooling {pooled[0]}x{pooled[1]})"
    factored = any(layer.factors for layer in plan.layers)  # torchinfo knows no such layer
    others = (
        f"as plain convolutions: {plan.dense_macs:,}" if factored else f"torchinfo: {summary.torchinfo_mult_adds:,}"
    )
    rows = {
        "Parameters": f"{plan.parameters:,} (buffers, not counted: {plan.buffers:,})",
        "Multiply-adds": f"{plan.macs:,} (without biases and norms; {others})",
        "Receptive field": f"{height}x{width}{before}",
        "Peak activation memory": f"{plan.peak_activation_bytes:,} bytes (inference, batch 1, float32)",
    }
    if summary.int8_ram is not None:
        rows["Scratch memory in int8 C"] = f"{summary.int8_ram:,} bytes"
    if summary.int8_flash is not None:
        rows["Flash in int8 C"] = f"about {summary.int8_flash:,} bytes of code and constants (Cortex-M0+)"
    return "\n".join([summary.table, *(f"{name}: {value}" for name, value in rows.items())])
