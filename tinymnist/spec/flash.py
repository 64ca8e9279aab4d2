"""An estimate of the flash that a network takes on a microcontroller as int8 C, from its plan alone."""

from math import prod

from tinymnist.spec.plan import Layer, Plan

CODE = {
    "all": 27,
    "kernel": 353,
    "windows": 178,
    "gate": 88,
    "leaky": 67,
    "average": 190,
    "max": 73,
    "both": -76,
    "filters": 165,
    "add": 247,
    "hidden": 131,
    "oblong": 43,
    "scores": 46,
}
"""Bytes of code for what a network has, on a Cortex-M0+ by GCC 12 with `-Os`: least squares over 37 exported programs
with convolutions, to within 40 bytes; what a network without them lacks, over six. Of the networks that come with
tinymnist, the flash is 2.6 % off at most."""
ROW, KERNEL = 16, 8
"""Bytes of a step in the table of steps, and of a convolution's entry in that of its numbers."""
LEAKY = ("leaky_relu", "prelu")
GATES = {"elu": 256, "gelu": 128, "silu": 128, "mish": 256, "hardswish": 128, "tanh": 128, "sigmoid": 128}
"""Bytes of the table of an activation that goes through a gate: one for all layers."""


def int8_flash(plan: Plan) -> int | None:
    """Bytes of code and constants of the int8 program in C, for size, on a Cortex-M0+; None for a network with group
    norm, which has no such program. What is stored is counted, and the code is estimated. Finer steps of small channels
    and sums that need 64 bits, which training decides on, take some 50 bytes each and are not counted."""
    labels = {layer.label for layer in plan.layers}
    if "group_norm" in labels:
        return None
    steps = _steps(plan)
    kernels = [layer for layer in steps if layer.kind in ("conv", "linear", "norm")]
    gates = labels & set(GATES)
    pools = {"average" if layer.averages else "max" for layer in steps[:-1] if layer.kind == "pool"}
    slides, hides = not all(map(_is_whole, kernels)), any(map(_is_whole, steps[:-1]))
    has = {
        "all": True,
        "kernel": slides or hides,
        "windows": slides,
        "gate": bool(gates),
        "leaky": bool(labels & set(LEAKY)),
        "average": "average" in pools,
        "max": "max" in pools,
        "both": len(pools) == 2,
        "filters": any(map(_is_factored, kernels)),
        "add": any(layer.kind == "add" for layer in steps),
        "hidden": hides,
        "oblong": any(map(_is_oblong, steps)),
        "scores": steps[-1].kind != "pool",
    }
    rows = len(steps) - (steps[-1].kind == "pool")
    entry = KERNEL + 4 * has["filters"] + 4 * (has["gate"] or has["leaky"])
    numbers = sum(_weights(layer) + 4 * layer.output[0] for layer in kernels)
    numbers += sum(GATES[gate] for gate in gates)
    return numbers + ROW * rows + entry * len(kernels) + sum(CODE[part] for part in CODE if has[part])


def _steps(plan: Plan) -> list[Layer]:
    """The layers that are left when norms and activations belong to the convolutions before them."""
    steps, follows = list[Layer](), False
    for layer in plan.layers:
        if layer.label == "batch_norm" and follows:
            continue
        if layer.kind in ("conv", "linear", "norm", "pool", "add"):
            steps.append(layer)
        follows = layer.kind == "conv"
    return steps


def _weights(layer: Layer) -> int:
    """Bytes of the weights of a layer; those shared with an earlier layer are not counted again."""
    if layer.label == "batch_norm":
        return layer.output[0]
    if layer.parameters == 0:
        return 0
    window = layer.window
    if window is None:
        return layer.macs
    spread, area = prod(window.reach), prod(window.kernel)  # dilated windows are stored with zeros
    if _is_factored(layer):
        assert layer.factors is not None
        return layer.parameters + layer.buffers + layer.factors.filters * (spread - area)
    dense = (layer.factors.dense if layer.factors else layer.macs) // prod(layer.output[1:])
    return dense // area * spread


def _is_factored(layer: Layer) -> bool:
    return layer.factors is not None and layer.factors.factored < layer.factors.dense


def _is_whole(layer: Layer) -> bool:
    """Whether each of its results comes of its whole input."""
    dense = prod(layer.output) * prod(layer.input)
    return layer.kind in ("conv", "linear") and not _is_factored(layer) and layer.macs == dense


def _is_oblong(layer: Layer) -> bool:
    window = () if layer.window is None else (layer.window.kernel, layer.window.stride, layer.window.padding)
    shapes = [shape[1:] for shape in (layer.input, layer.output) if len(shape) == 3]
    return any(len(set(pair)) > 1 for pair in (*window, *shapes))
