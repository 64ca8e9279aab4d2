"""A network in integers: values of 0 to 255, weights of -127 to 127, and factors in fixed point.

The scheme is that of Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference": a number is `scale * (byte - zero)`, with one scale and one zero per value; weights
have one scale per output channel and no zero. A convolution sums in 32 bits and multiplies the sum by
`factor / 2^shift`, which gives fixed point: 1/256 of a step of the result's bytes. Then the bias is added.

Curved activations take a number in units of 1/4,096 and multiply it by a gate: `silu(x) = x * sigmoid(x)`, and likewise
for the others. The gate is one table of 256 bytes for all layers of a network: because the number itself keeps its
precision, a coarse gate is enough, whereas a table from byte to byte would be needed for every layer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import frexp, prod

import numpy as np
from numpy.typing import NDArray

from tinymnist.errors import UsageError
from tinymnist.export.c.gates import GATE_STEPS, gate_offset, gate_peak, is_curved
from tinymnist.export.folded import Activation, Addition, Convolution, GroupNorm, Network, Numbers, Pooling

Bytes = NDArray[np.int8]
Integers = NDArray[np.int64]
Range = tuple[float, float]
"""The least and the largest number of a value."""

STEP_PARTS = 256
"""Fixed point of results without a gate: parts of a step of the bytes."""
UNIT_PARTS = 16 * GATE_STEPS
"""Fixed point of results that go through a gate: parts of 1."""
LIMIT = 1 << 22
"""No number in fixed point is larger; times 255, two of them fit into 32 bits."""
LOGIT_PARTS = 1 << 16
"""Integer logits: parts of the largest logit seen."""
LARGEST_SUM = 2**31 - 1
MAX_TERMS = LARGEST_SUM // (255 * 127)
"""The most products whose sum always fits into 32 bits."""


@dataclass(frozen=True, slots=True)
class Affine:
    """A byte means `scale * (byte - zero)`."""

    scale: float
    zero: int


@dataclass(frozen=True, slots=True)
class Output:
    """How fixed point becomes bytes: through `gate`, or with `slope` below zero, or neither; then to steps."""

    base: int
    gate: str | None = None
    factor: int = 0
    shift: int = 0
    slope: int = 0
    slope_shift: int = 0


@dataclass(frozen=True, slots=True)
class QuantizedBasis:
    """What makes features of each input channel: sums of products, divided by `2^shift` and rounded."""

    filters: Bytes
    """(number, height, width)"""
    shift: int


@dataclass(frozen=True, slots=True)
class QuantizedConvolution:
    """`scaled(sum, factors[c], shift) + biases[c]` is fixed point; without `output`, it is a logit."""

    basis: QuantizedBasis | None
    """Where `weight` mixes features of the source; None where it reads the source itself."""
    weight: Bytes
    factors: Integers
    shift: int
    biases: Integers
    zero: int
    """The zero of the source."""
    output: Output | None


@dataclass(frozen=True, slots=True)
class QuantizedAddition:
    """`factors` bring both sources, less their `zeros`, to fixed point."""

    factors: tuple[int, int]
    shift: int
    zeros: tuple[int, int]
    output: Output


@dataclass(frozen=True, slots=True)
class Quantized:
    """A network in integers. Pooling keeps the scale of its source, and so has no entry in `steps`."""

    affines: tuple[Affine, ...]
    """One per value; the logits have the zero 0."""
    steps: Mapping[int, QuantizedConvolution | QuantizedAddition]
    """By the index of the network's step."""

    @property
    def logit_scale(self) -> float:
        return self.affines[-1].scale


def quantize(network: Network, ranges: list[Range]) -> Quantized:
    """The network in integers, given the ranges of all its values. Raises `UsageError` for what has no int8 form."""
    affines = [Affine(network.normalize.scale_and_shift[0], round(255 * network.normalize.mean))]
    weights: dict[int, _Weights] = {}
    steps: dict[int, QuantizedConvolution | QuantizedAddition] = {}
    for index, step in enumerate(network.steps):
        source, last = affines[step.source], index == len(network.steps) - 1
        if isinstance(step, Pooling):
            affines.append(_logits_of_pooling(step, source) if last else source)
            continue
        if isinstance(step, GroupNorm):
            raise UsageError(
                f"--dtype int8: {step.name}: no group norm in whole numbers: export float32, or train with batch norm"
            )
        _refuse_unknown(step.name, step.activation)
        if last:
            affines.append(Affine(max(map(abs, ranges[index + 1])) / LOGIT_PARTS or 1.0, 0))
        else:
            affines.append(_affine(step, ranges[index + 1]))
        if isinstance(step, Addition):
            steps[index] = _addition(step, source, affines[step.other], affines[-1])
            continue
        if id(step.weight) not in weights:
            weights[id(step.weight)] = _quantized_weight(step)
        steps[index] = _convolution(step, weights[id(step.weight)], source, affines[-1], last)
    return Quantized(tuple(affines), steps)


ENDED_BY_BYTES = ("relu", "relu6")
"""Activations that need no code of their own: their bytes end where they do."""


def _refuse_unknown(name: str, activation: Activation | None) -> None:
    if activation is None or activation.slope is not None or is_curved(activation.name):
        return
    if activation.name not in ENDED_BY_BYTES:
        raise UsageError(f"--dtype int8: {name}: no {activation.name} in whole numbers: export float32")


def _affine(step: Convolution | Addition, seen: Range) -> Affine:
    """Bytes for a range, widened to include 0; where an activation is bounded, they end there."""
    name = step.activation.name if step.activation else None
    low, high = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}.get(name or "", seen)
    low, high = min(low, 0.0), max(high, 0.0, 1e-6 - low)
    if name == "relu6":
        high = min(high, 6.0)
    scale = (high - low) / 255
    return Affine(scale, round(-low / scale))


def _logits_of_pooling(step: Pooling, source: Affine) -> Affine:
    """What the logits of a last pooling mean; those of an average are sums."""
    return Affine(source.scale / prod(step.kernel) if step.average else source.scale, 0)


@dataclass(frozen=True, slots=True)
class _Weights:
    """Integer weights, and one scale per output channel; the filters of a basis, if the weights mix its features."""

    weight: Bytes
    scales: NDArray[np.float64]
    filters: Bytes | None


def _quantized_weight(step: Convolution) -> _Weights:
    if prod(step.weight.shape[1:]) > MAX_TERMS:
        raise UsageError(f"--dtype int8: {step.name}: sums more than {MAX_TERMS:,} products: export float32")
    if not step.factors:
        return _Weights(*_scaled_to_bytes(step.weight), None)
    filters, scales = _scaled_to_bytes(step.factors.filters)
    mix = step.factors.mix * np.resize(scales, step.factors.mix.shape[1:])  # the features repeat by input channel
    return _Weights(*_scaled_to_bytes(mix), filters)


def _scaled_to_bytes(numbers: Numbers | NDArray[np.float64]) -> tuple[Bytes, NDArray[np.float64]]:
    """Integers from -127 to 127, and a scale for each place along the first axis."""
    rows = numbers.reshape(len(numbers), -1)
    largest = np.abs(rows).max(axis=1).astype(np.float64)
    scales = np.where(largest > 0, largest, 1.0) / 127
    return np.rint(rows / scales[:, None]).astype(np.int8).reshape(numbers.shape), scales


def _convolution(
    step: Convolution, weights: _Weights, source: Affine, result: Affine, last: bool
) -> QuantizedConvolution:
    part = result.scale if last else _part(step.activation, result)
    scales, basis = weights.scales, None
    if weights.filters is not None:
        basis = _basis(weights.filters, source.zero, weights.weight.shape[1])
        scales = scales * 2.0**basis.shift
    if step.scale is not None:
        scales = scales * step.scale
    factors, shift = fixed_point(source.scale * scales / part)
    biases = whole(step.bias / part)
    output = None if last else _output(step.activation, result)
    return QuantizedConvolution(basis, weights.weight, factors, shift, biases, source.zero, output)


def _basis(filters: Bytes, zero: int, terms: int) -> QuantizedBasis:
    """Features so small that no image makes a sum of `terms` of them, each times a weight, that exceeds 32 bits."""
    most = LARGEST_SUM // (127 * terms)
    worst = max(zero, 255 - zero) * int(np.abs(filters).sum(axis=(1, 2)).max())
    return QuantizedBasis(filters, max(1, (worst // most).bit_length()))


def _addition(step: Addition, source: Affine, other: Affine, result: Affine) -> QuantizedAddition:
    part = _part(step.activation, result)
    factors, shift = fixed_point(np.array([source.scale, other.scale]) / part)
    first, second = factors.tolist()
    return QuantizedAddition((first, second), shift, (source.zero, other.zero), _output(step.activation, result))


def _part(activation: Activation | None, result: Affine) -> float:
    """What 1 in fixed point means."""
    return 1 / UNIT_PARTS if activation and is_curved(activation.name) else result.scale / STEP_PARTS


def _output(activation: Activation | None, result: Affine) -> Output:
    base = STEP_PARTS * result.zero + STEP_PARTS // 2
    if activation and activation.slope is not None:
        (slope,), shift = fixed_point(np.array([activation.slope]))
        return Output(base, slope=int(slope), slope_shift=shift)
    if not activation or not is_curved(activation.name):
        return Output(base)
    name = activation.name
    (factor,), shift = fixed_point(np.array([gate_peak(name) / 255 / UNIT_PARTS / result.scale * STEP_PARTS]))
    return Output(base + round(gate_offset(name) / result.scale * STEP_PARTS), name, int(factor), shift)


def fixed_point(numbers: NDArray[np.float64]) -> tuple[Integers, int]:
    """Factors of at most 31 bits and a sign, and one shift from 1 to 62, with `numbers = factors / 2^shift`."""
    shift = min(max(31 - frexp(float(np.abs(numbers).max()))[1], 1), 62)
    most = 2**31 - 1
    return np.clip(np.rint(numbers * 2.0**shift), -most, most).astype(np.int64), shift


def whole(numbers: Numbers | NDArray[np.float64]) -> Integers:
    return np.clip(np.rint(numbers), -LIMIT, LIMIT).astype(np.int64)
