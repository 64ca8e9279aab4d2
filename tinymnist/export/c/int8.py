"""Writes a network as C that computes in integers."""

from math import prod

import numpy as np

from tinymnist.export.c.constants import Constants, most_features, size_type
from tinymnist.export.c.gates import gate_table
from tinymnist.export.c.program import Program, identifier, write_program
from tinymnist.export.c.quantization import (
    LIMIT,
    Output,
    Quantized,
    QuantizedAddition,
    QuantizedBasis,
    QuantizedConvolution,
)
from tinymnist.export.c.scratch import plan_scratch
from tinymnist.export.c.sections import select
from tinymnist.export.folded import Addition, Convolution, Network, Pooling


def int8_program(network: Network, quantized: Quantized) -> Program:
    """The program of a quantised network, whose image is (height, width, channels)."""
    return _Writer(network, quantized).program()


class _Writer:
    """Writes the steps as calls, and collects the functions and constants that they need."""

    def __init__(self, network: Network, quantized: Quantized) -> None:
        self.network = network
        self.quantized = quantized
        self.identifier = identifier(network.name)
        self.constants = Constants(self.identifier)
        self.parts: set[str] = set()
        self.plan = plan_scratch(network, range(1, len(network.steps)))  # the image stays where the caller has it
        outputs = [step.output for step in quantized.steps.values() if step.output]
        self.has_gate = any(output.gate for output in outputs)
        self.has_slope = any(output.slope_shift for output in outputs)

    def program(self) -> Program:
        lines = [self._step(index) for index in range(len(self.network.steps) - 1)]
        lines.append(self._scores())
        self.parts |= {"gate"} if self.has_gate else set()
        self.parts |= {"leaky_relu"} if self.has_slope else set()
        self.parts |= {"scaled"} if self.quantized.steps else set()
        self.parts |= {"finish"} if self.parts & {"convolve", "convolve_groups", "convolve_factors", "add"} else set()
        words = {"SIZE": size_type(self.network), "LIMIT": str(LIMIT), "MAX_FEATURES": str(most_features(self.network))}
        functions = [select(file, self.identifier, self.parts, words) for file in ("windows.c", "int8.c")]
        return write_program(
            self.network,
            element="uint8_t",
            scratch=self.plan.size,
            logit="int32_t",
            logit_scale=self.quantized.logit_scale,
            includes=[],
            functions="\n".join(functions),
            constants=self.constants,
            lines=lines if self.plan.size else ["(void)scratch;", *lines],
        )

    def _place(self, value: int) -> str:
        return f"scratch + {self.plan.offsets[value]}" if value else "image"

    def _call(self, function: str, *arguments: object) -> str:
        self.parts.add(function)
        return f"{self.identifier}_{function}({', '.join(map(str, arguments))});"

    def _step(self, index: int) -> str:
        step, quantized = self.network.steps[index], self.quantized.steps.get(index)
        source, out = self._place(step.source), self._place(index + 1)
        if isinstance(step, Addition):
            assert isinstance(quantized, QuantizedAddition)
            numbers = (*quantized.factors, *quantized.zeros, quantized.shift)
            name = self.constants.struct("sum", "sum", [*map(str, numbers), self._output(quantized.output)])
            return self._call("add", f"&{name}", source, self._place(step.other), out, prod(step.shape))
        assert isinstance(step, Convolution | Pooling)
        window = f"&{self.constants.window(step, self.network.shape(step.source))}"
        if isinstance(step, Pooling):
            zero = [self.quantized.affines[step.source].zero] if step.average else []
            return self._call("average_pool" if step.average else "max_pool", window, *zero, source, out)
        assert isinstance(quantized, QuantizedConvolution)
        weights = f"&{self._weights(quantized)}"
        depth = self.network.shape(step.source)[0] // step.groups
        if quantized.basis:
            return self._call("convolve_factors", window, depth, self._basis(quantized.basis), weights, source, out)
        if step.groups == 1:
            return self._call("convolve", window, weights, source, out)
        return self._call("convolve_groups", window, depth, weights, source, out)

    def _scores(self) -> str:
        """The call for the last step, which gives the logits."""
        index = len(self.network.steps) - 1
        step, quantized = self.network.steps[index], self.quantized.steps.get(index)
        source, shape, classes = self._place(step.source), self.network.shape(step.source), self.network.classes
        if isinstance(quantized, QuantizedConvolution):
            return self._call("linear_scores", f"&{self._weights(quantized)}", source, prod(shape), "logits", classes)
        assert isinstance(step, Pooling)
        function = "sum_scores" if step.average else "max_scores"
        zero = self.quantized.affines[step.source].zero
        return self._call(function, zero, source, shape[1] * shape[2], "logits", classes)

    def _weights(self, step: QuantizedConvolution) -> str:
        values = self.constants.array("values", np.ascontiguousarray(step.weight.transpose(0, 2, 3, 1)))
        factors = self.constants.array("factors", step.factors.astype(np.int32))
        biases = self.constants.array("biases", step.biases.astype(np.int32))
        members = [values, factors, biases, str(step.shift), str(step.zero), self._output(step.output or Output(0))]
        return self.constants.struct("weights", "weights", members)

    def _basis(self, basis: QuantizedBasis) -> str:
        members = [self.constants.array("filters", basis.filters), str(len(basis.filters)), str(basis.shift)]
        return f"&{self.constants.struct('basis', 'basis', members)}"

    def _output(self, output: Output) -> str:
        """The members of `struct output` that this network has."""
        gate = self.constants.array("gate", gate_table(output.gate)) if output.gate else "0"
        members = [str(output.base)]
        members += [gate, str(output.factor)] if self.has_gate else []
        members += [str(output.slope)] if self.has_slope else []
        members += [str(output.shift)] if self.has_gate else []
        members += [str(output.slope_shift)] if self.has_slope else []
        return f"{{{', '.join(members)}}}"
