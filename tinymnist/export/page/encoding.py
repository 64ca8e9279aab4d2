"""A folded network as JSON, for `network.js`."""

import base64
import json
from typing import Any

import numpy as np

from tinymnist.folded.network import Convolution, GroupNorm, Network, Numbers, Pooling, Step


def network_json(network: Network) -> str:
    """The steps as `fold` gives them. `weights` holds the numbers of all steps one after another, as little-endian
    float32 in base64, and a step names the ranges of its own; numbers that steps share are stored once."""
    store = _Store()
    steps = [_step(step, store) for step in network.steps]
    content = {
        "input": network.input,
        "normalize": {"mean": network.normalize.mean, "std": network.normalize.std},
        "steps": steps,
        "weights": base64.b64encode(store.content).decode(),
    }
    return json.dumps(content, allow_nan=False, separators=(",", ":"))


class _Store:
    def __init__(self) -> None:
        self.content = b""
        self._ranges: dict[int, tuple[int, int]] = {}

    def range(self, numbers: Numbers) -> tuple[int, int]:
        """Index of the first number, and of the one after the last."""
        if id(numbers) not in self._ranges:
            first = len(self.content) // 4
            self.content += np.ascontiguousarray(numbers, "<f4").tobytes()
            self._ranges[id(numbers)] = first, first + numbers.size
        return self._ranges[id(numbers)]


def _step(step: Step, store: _Store) -> dict[str, Any]:
    content: dict[str, Any] = {"source": step.source, "shape": step.shape}
    if isinstance(step, Pooling):
        return content | {
            "kind": "pooling",
            "average": step.average,
            "kernel": step.kernel,
            "stride": step.stride,
            "padding": step.padding,
        }
    content |= {
        "activation": step.activation.name if step.activation else "none",
        "slope": step.activation.slope if step.activation else None,
    }
    if isinstance(step, Convolution):
        return content | {
            "kind": "convolution",
            "kernel": step.weight.shape[2:],
            "stride": step.stride,
            "padding": step.padding,
            "groups": step.groups,
            "weight": store.range(step.weight),
            "scale": None if step.scale is None else store.range(step.scale),
            "bias": store.range(step.bias),
        }
    if isinstance(step, GroupNorm):
        return content | {
            "kind": "group_norm",
            "groups": step.groups,
            "eps": step.eps,
            "weight": store.range(step.weight),
            "bias": store.range(step.bias),
        }
    return content | {"kind": "addition", "other": step.other}
