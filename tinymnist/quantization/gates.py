"""Activations as `offset + x * gate(x)`, where the gate is between 0 and its peak: one table serves all layers."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

GATE_STEPS = 128
"""A gate's table has one step per 1/16 from 0 to 8. Beyond that, its last step holds, which is right for `silu` and its
like; where `tanh`, `sigmoid` and `elu` are bounded, their bytes end as well."""

UNIT_PARTS = 4096
"""Fixed point of results that go through a gate, parts of 1: 256 for each step of the gate."""

_GATES: dict[str, Callable[[float], float]] = {
    "elu": lambda x: math.expm1(x) / x if x < 0 else 1.0,
    "gelu": lambda x: 0.5 + 0.5 * math.erf(x / math.sqrt(2)),
    "silu": lambda x: 1 / (1 + math.exp(-x)),
    "mish": lambda x: math.tanh(math.log1p(math.exp(x))),
    "hardswish": lambda x: min(max(x + 3, 0), 6) / 6,
    "tanh": lambda x: math.tanh(x) / x if x else 1.0,
    "sigmoid": lambda x: (1 / (1 + math.exp(-x)) - 0.5) / x if x else 0.25,
}


def is_curved(name: str) -> bool:
    """Whether an activation needs a gate."""
    return name in _GATES


def gate_peak(name: str) -> float:
    """The gate that 255 in its table stands for."""
    return 0.25 if name == "sigmoid" else 1.0


def gate_offset(name: str) -> float:
    """What is added to `x * gate(x)`."""
    return 0.5 if name == "sigmoid" else 0.0


def gate_below(name: str) -> tuple[int, int]:
    """Where the table of a gate begins for numbers below zero, and the bits in which its bytes are then exchanged: most
    gates are even, or add up to 1 on both sides of zero, and need one half only."""
    if name in ("silu", "gelu", "hardswish"):
        return 0, 255
    return (0, 0) if name in ("tanh", "sigmoid") else (GATE_STEPS, 0)


def gate_table(name: str) -> NDArray[np.uint8]:
    """The table of a gate, (128,) for sizes from 0 to 8, or (256,) with those of negative numbers after them. A step's
    gate is that of its middle."""
    sides = (1, -1) if gate_below(name)[0] else (1,)
    gates = [_GATES[name](side * (step + 0.5) / 16) for side in sides for step in range(GATE_STEPS)]
    return np.rint(255 * np.array(gates) / gate_peak(name)).astype(np.uint8)
