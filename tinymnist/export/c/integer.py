"""Writes a network as C that computes in whole numbers."""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from tinymnist.choices import Optimize
from tinymnist.export.c.constants import Constants, Pool, most_features, unsigned_type
from tinymnist.export.c.program import DECLARED, Program, identifier, write_program
from tinymnist.export.c.scratch import plan_scratch
from tinymnist.export.c.sections import select
from tinymnist.folded.network import Addition, Convolution, Network, Pooling
from tinymnist.quantization.gates import gate_below, gate_table
from tinymnist.quantization.scheme import LIMIT, Output, Quantized, QuantizedAddition, QuantizedConvolution
from tinymnist.quantization.weights import BITS, Bytes


def integer_program(network: Network, quantized: Quantized, optimize: Optimize = "size") -> Program:
    """The program of a quantised network, whose image is (height, width, channels)."""
    return _Writer(network, quantized, optimize).program()


POOLS = {"max_pool", "average_pool"}
SQUARE = {
    "OUT_HEIGHT": "out_side",
    "OUT_WIDTH": "out_side",
    "HEIGHT": "side",
    "WIDTH": "side",
    "ROWS": "window_side",
    "COLUMNS": "window_side",
    "STRIDE_DOWN": "stride",
    "STRIDE_ACROSS": "stride",
    "PADDING_DOWN": "padding",
    "PADDING_ACROSS": "padding",
}
"""What `struct step` calls its sizes, where all images and windows are square: one for both directions."""
OBLONG = {name: name.lower() for name in SQUARE}
"""The same for two directions."""
ACROSS = {1: 0, 5: 4, 9: 8, 11: 10, 13: 12}
"""Where the sizes of a row have something across, and the same down."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A step in the table."""

    kind: str
    zero: int
    source: int
    result: int
    sizes: tuple[int, ...]
    """In the order of `struct step`."""
    kernel: int = 0
    other: int = 0
    terms: str = "0"

    @property
    def is_square(self) -> bool:
        return all(self.sizes[across] == self.sizes[down] for across, down in ACROSS.items())

    @property
    def numbers(self) -> int:
        """Those in a window over all channels; 0 where the step has no windows."""
        _, _, channels, _, _, _, _, _, rows, columns, *_ = self.sizes
        return rows * columns * channels


class _Writer:
    """Writes the steps as a table, and collects the constants and the parts of the program that they need."""

    def __init__(self, network: Network, quantized: Quantized, optimize: Optimize) -> None:
        self.network = network
        self.optimize = optimize
        self.quantized = quantized
        self.identifier = identifier(network.name)
        self.constants = Constants(self.identifier)
        self.values, self.outputs = Pool(np.int8), Pool(np.int16)
        self.bits = BITS[quantized.dtype]
        self.weights = Pool(np.int8) if self.bits < 8 else self.values
        self.kernels: list[str] = []
        self.unpacked, self.unpacked_rows = list[int](), list[int]()
        self.plan = plan_scratch(network, range(1, len(network.steps)))  # the image stays where the caller has it
        steps = quantized.steps.values()
        outputs = [step.output for step in steps if step.output]
        self.gates = sorted({output.gate for output in outputs if output.gate})
        kinds = {(output.gate, output.has_slope) for output in outputs}
        found = {
            "finish": outputs,
            "gate": self.gates,
            "leaky_relu": [output for output in outputs if output.has_slope],
            "products": [step for step in steps if isinstance(step, QuantizedConvolution)],
            "filters": [step for step in steps if isinstance(step, QuantizedConvolution) and step.basis],
            "scaled": steps,
            "uniform" if len(kinds) == 1 else "mixed": kinds - {(None, False)},
            "wide" if quantized.wide else "narrow": steps,
            "packed" if self.bits < 8 else "bytes": steps,
            "finer" if any(output.bits is not None for output in outputs) else "plain": outputs,
        }
        self.parts = {part for part, needing in found.items() if needing} | {optimize}
        if {"packed", "finer"} <= self.parts:
            self.values.place(np.zeros(1, np.int8))  # so that no bits lie at place 0, which means that there are none

    def program(self) -> Program:
        name, last = self.identifier, len(self.network.steps) - 1
        rows = [self._row(index) for index in range(last)]
        kinds = {row.kind for row in rows}
        self.parts |= kinds | {"both_pools" if kinds >= POOLS else "one_pool"}
        self.parts |= ({"steps", "run"} if rows else set()) | ({"windows"} if kinds & {"convolve", *POOLS} else set())
        lines = [] if self.plan.size else ["(void)scratch;"]
        if self.optimize == "speed":
            lines += [f"{name}_run({name}_steps + {index}, image, scratch);" for index in range(last)]
        elif rows:
            lines += [f"for (const struct {name}_step *s = {name}_steps; s < {name}_steps + {last}; s++)"]
            lines += [f"    {name}_run(s, image, scratch);"]
        lines.append(self._scores(last, rows))
        square = all(row.is_square for row in rows)
        self.parts.add("square" if square else "oblong")
        gate_bytes = max((len(gate_table(gate)) for gate in self.gates), default=0)
        words = {
            "FUNCTION": DECLARED[self.optimize],
            "SIZE": unsigned_type(max((size for row in rows for size in row.sizes), default=0)),
            "OFFSET": unsigned_type(self.plan.size),
            "PLACE": unsigned_type(max(self.values.size, self.weights.size, self.outputs.size)),
            "KERNEL": unsigned_type(len(self.kernels)),
            **(SQUARE if square else OBLONG),
            "NOWHERE": str(self.plan.size),
            "FARTHEST": str(max(self.plan.size, prod(self.network.input), self.values.size, self.weights.size)),
            "LIMIT": str(LIMIT),
            "BITS": str(self.bits),
            "PER_BYTE": str(8 // self.bits),
            "MASK": str((1 << self.bits) - 1),
            "HALF": str(1 << (self.bits - 1)),
            "GATE_BYTES": str(gate_bytes),
            "MAX_NUMBERS": str(max((row.numbers for row in rows), default=0)),
            "MAX_FEATURES": str(most_features(self.network)),
            "MAX_WEIGHTS": str(max(self.unpacked, default=0)),
            "MAX_ROW": str(max(self.unpacked_rows, default=0)),
        }
        if self.gates:
            texts = [_gate_text(gate) for gate in self.gates]
            self.constants.table("gate", "gates", texts, of_arrays=gate_bytes * len(self.gates))
        if self.kernels:
            if self.weights is not self.values:
                self.constants.packed("weights", self.weights, self.bits)
            if self.values.size:
                self.constants.pool("values", self.values)
            self.constants.pool("outputs", self.outputs)
            self.constants.table("kernel", "kernels", self.kernels)
        if rows:
            self.constants.table("step", "steps", [self._text(row, square) for row in rows])
        types, functions = (select(file, name, self.parts, words) for file in ("integer_types.c", "integer.c"))
        return write_program(
            self.network,
            optimize=self.optimize,
            element="uint8_t",
            scratch=self.plan.size,
            logit="int32_t",
            logit_scale=self.quantized.logit_scale,
            includes=[],
            parts=[types, self.constants.text, functions],
            constant_bytes=self.constants.bytes,
            lines=lines,
        )

    def _row(self, index: int) -> _Row:
        step, quantized = self.network.steps[index], self.quantized.steps.get(index)
        (channels, height, width), (_, *size) = self.network.shape(step.source), step.shape
        if isinstance(quantized, QuantizedAddition):
            assert isinstance(step, Addition)
            sizes, terms = (height, width, channels, *[0] * 11), self._terms(quantized)
            return self._new("add", index, 0, sizes, other=self._place(step.other), terms=terms)
        if isinstance(step, Pooling):
            sizes = (height, width, channels, 0, *size, 0, 0, *step.kernel, *step.stride, *step.padding)
            zero = self.quantized.affines[step.source].zero if step.average else 0
            return self._new("average_pool" if step.average else "max_pool", index, zero, sizes)
        assert isinstance(quantized, QuantizedConvolution)
        assert isinstance(step, Convolution)
        if quantized.weight.shape[1:] == (channels, height, width) and step.padding == (0, 0) and not quantized.basis:
            return self._whole(index, quantized)
        depth, outputs = channels // step.groups, step.shape[0]
        self.unpacked.append(quantized.weight.size)
        window = *step.weight.shape[2:], *step.stride, *step.padding
        sizes = (height, width, channels, depth, *size, outputs, outputs // step.groups, *window)
        return self._new("convolve", index, quantized.zero, sizes, kernel=self._kernel(quantized, quantized.weight))

    def _whole(self, index: int, quantized: QuantizedConvolution) -> _Row:
        """A convolution that reads its whole source at once, for each output channel again."""
        channels, height, width = self.network.shape(self.network.steps[index].source)
        sizes = (height, width, channels, 0, 0, 0, len(quantized.weight), *[0] * 7)
        kernel = self._kernel(quantized, quantized.weight.transpose(0, 2, 3, 1))  # the order of the source
        self.unpacked_rows.append(channels * height * width)
        return self._new("connect", index, quantized.zero, sizes, kernel=kernel)

    def _new(self, kind: str, index: int, zero: int, sizes: tuple[int, ...], **members: Any) -> _Row:
        return _Row(kind, zero, self._place(self.network.steps[index].source), self._place(index + 1), sizes, **members)

    def _scores(self, index: int, rows: list[_Row]) -> str:
        """The call that gives the logits. A linear layer has a row, too."""
        step, name, classes = self.network.steps[index], self.identifier, self.network.classes
        source = f"scratch + {self._place(step.source)}" if step.source else "image"
        if isinstance(step, Pooling):
            function = "sum_scores" if step.average else "max_scores"
            zero, pixels = self.quantized.affines[step.source].zero, prod(self.network.shape(step.source)[1:])
            arguments = f"{zero}, {source}, {pixels}, logits, {classes}"
        else:
            quantized = self.quantized.steps[index]
            assert isinstance(quantized, QuantizedConvolution)
            function, arguments = "linear_scores", f"{name}_steps + {len(rows)}, {source}, logits, {classes}"
            rows.append(self._whole(index, quantized))
            self.parts.add("steps")
        self.parts.add(function)
        return f"{name}_{function}({arguments});"

    def _place(self, value: int) -> int:
        """Where a value lies in scratch memory. The image and the logits do not; no value begins at its end."""
        return self.plan.offsets.get(value, self.plan.size)

    def _text(self, row: _Row, square: bool) -> str:
        """The members of `struct step` that this network has."""
        sizes = [size for place, size in enumerate(row.sizes) if not (square and place in ACROSS)]
        members: list[object] = [f"{self.identifier}_{row.kind.upper()}", row.zero, row.source, row.result, *sizes]
        members += [row.kernel] if "products" in self.parts else []
        members += [row.other, row.terms] if "add" in self.parts else []
        return ", ".join(map(str, members))

    def _kernel(self, step: QuantizedConvolution, weight: Bytes) -> int:
        """The place of a `struct kernel` in the table."""
        pairs = np.stack([step.factors, step.biases], axis=1).astype(np.int16)
        members: list[object] = [weight.size] if "packed" in self.parts else []
        members += [self.weights.place(weight), self.outputs.place(pairs)]
        if "finer" in self.parts:
            bits = step.output.bits if step.output else None
            members.append(0 if bits is None else self.values.place(bits.astype(np.int8)))
        if "filters" in self.parts:
            basis = step.basis
            members += [self.values.place(basis.filters), len(basis.filters), basis.shift] if basis else [0, 0, 0]
        members += [step.shift, step.bias_shift]
        members += [self._output(step.output or Output(0))] if "finish" in self.parts else []
        text = ", ".join(map(str, members))
        if text not in self.kernels:
            self.kernels.append(text)
        return self.kernels.index(text)

    def _terms(self, addition: QuantizedAddition) -> str:
        pairs = [f"{{{', '.join(map(str, pair))}}}" for pair in (addition.factors, addition.zeros)]
        members = [*pairs, str(addition.shift), self._output(addition.output)]
        return f"&{self.constants.struct('terms', 'terms', members)}"

    def _output(self, output: Output) -> str:
        """The members of `struct output` that this network has."""
        members: list[object] = [output.base]
        if self.parts & {"gate", "leaky_relu"}:
            members += [output.factor, output.shift]
        if "mixed" in self.parts:
            kind = "SLOPE" if output.has_slope else "LINEAR"
            activation = f"GATE + {self.gates.index(output.gate)}" if output.gate else kind
            members.append(f"{self.identifier}_{activation}")
        return f"{{{', '.join(map(str, members))}}}"


def _gate_text(gate: str) -> str:
    table, (below, mirror) = gate_table(gate), gate_below(gate)
    return f"{{{', '.join(map(str, table))}}}, {below}, {mirror}"
