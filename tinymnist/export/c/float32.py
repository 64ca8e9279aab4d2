"""Writes a network as C that computes in float32."""

from math import prod

import numpy as np

from tinymnist.choices import Optimize
from tinymnist.export.c.constants import Constants, most_features, single, size_type
from tinymnist.export.c.program import DECLARED, Program, identifier, write_program
from tinymnist.export.c.scratch import plan_scratch
from tinymnist.export.c.sections import select
from tinymnist.folded.network import Activation, Addition, Convolution, Factors, GroupNorm, Network, Pooling, Step

FUNCTIONS = {"tanh": "hyperbolic_tangent"}
"""C functions of activations whose own name is taken in C."""
NEEDING_LIBM = frozenset(("elu", "gelu", "silu", "mish", "tanh", "sigmoid", "group_norm"))
"""Parts that need the mathematical part of the C library."""


def float32_program(network: Network, optimize: Optimize = "size") -> Program:
    """The program of a folded network, whose image is (height, width, channels)."""
    return _Writer(network, optimize).program()


class _Writer:
    """Writes the steps as calls, and collects the functions and constants that they need."""

    def __init__(self, network: Network, optimize: Optimize) -> None:
        self.network = network
        self.optimize = optimize
        self.identifier = identifier(network.name)
        self.constants = Constants(self.identifier)
        self.parts: set[str] = set()
        self.plan = plan_scratch(network, range(len(network.steps)))
        self.has_scale = any(isinstance(step, Convolution) and step.scale is not None for step in network.steps)

    def program(self) -> Program:
        network = self.network
        lines = [f"{self.identifier}_normalise(image, {self._place(0)}, {prod(network.input)});"]
        for index, step in enumerate(network.steps):
            lines.append(self._step(step, self._place(index + 1)))
            if not isinstance(step, Pooling) and step.activation:
                lines.append(self._activation(step.activation, self._place(index + 1), prod(step.shape)))
        includes = [*(["float"] if "max_pool" in self.parts else []), *(["math"] if self.parts & NEEDING_LIBM else [])]
        scale, shift = network.normalize.scale_and_shift
        groups = [step.groups for step in network.steps if isinstance(step, GroupNorm)]
        words = {
            "FUNCTION": DECLARED[self.optimize],
            "SIZE": size_type(network),
            "PIXEL_SCALE + PIXEL_SHIFT": f"{single(scale)} + {single(shift)}",
            "SCALE_PARAMETER ": "const float *scale, " if self.has_scale else "",
            "SCALED_SUM": "(scale ? sum * scale[c] : sum)" if self.has_scale else "sum",
            "MAX_FEATURES": str(most_features(network)),
            "MAX_GROUPS": str(max(groups, default=0)),
        }
        functions = select("float32.c", self.identifier, self.parts, words)
        return write_program(
            network,
            optimize=self.optimize,
            element="float",
            scratch=self.plan.size,
            logit="float",
            logit_scale=None,
            includes=includes,
            parts=[functions, self.constants.text],
            constant_bytes=self.constants.bytes,
            lines=lines,
        )

    def _place(self, value: int) -> str:
        return "logits" if value == len(self.network.steps) else f"scratch + {self.plan.offsets[value]}"

    def _call(self, function: str, *arguments: str) -> str:
        self.parts.add(function)
        return f"{self.identifier}_{function}({', '.join(arguments)});"

    def _step(self, step: Step, out: str) -> str:
        source, shape = self._place(step.source), self.network.shape(step.source)
        if isinstance(step, Addition):
            return self._call("add", source, self._place(step.other), out, str(prod(shape)))
        if isinstance(step, GroupNorm):
            sizes = [str(shape[1] * shape[2]), str(shape[0]), str(shape[0] // step.groups), single(step.eps)]
            numbers = [self.constants.array("weights", step.weight), self.constants.array("bias", step.bias)]
            return self._call("group_norm", *sizes, *numbers, source, out)
        window = f"&{self.constants.window(step, shape)}"
        if isinstance(step, Pooling):
            return self._call("average_pool" if step.average else "max_pool", window, source, out)
        depth = str(shape[0] // step.groups)
        if step.factors:
            function, sizes, weight = "convolve_factors", [depth, self._basis(step.factors)], step.factors.mix
        elif step.groups == 1:
            function, sizes, weight = "convolve", [], step.weight
        else:
            function, sizes, weight = "convolve_groups", [depth], step.weight
        weights = self.constants.array("weights", np.ascontiguousarray(weight.transpose(0, 2, 3, 1)))
        scale = [] if not self.has_scale else ["0" if step.scale is None else self.constants.array("scale", step.scale)]
        bias = self.constants.array("bias", step.bias)
        return self._call(function, window, *sizes, weights, *scale, bias, source, out)

    def _basis(self, factors: Factors) -> str:
        filters = self.constants.array("filters", factors.filters)
        return f"&{self.constants.struct('basis', 'basis', [filters, str(len(factors.filters))])}"

    def _activation(self, activation: Activation, place: str, count: int) -> str:
        self.parts.add(activation.name)
        function = f"{self.identifier}_{FUNCTIONS.get(activation.name, activation.name)}"
        slope = "" if activation.slope is None else f", {single(activation.slope)}"
        return f"{function}({place}, {count}{slope});"
