"""A network in integers: values of 0 to 255, weights of a few bits, and factors in fixed point.

The scheme is that of Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference": a number is `scale * (byte - zero)`, with one scale and one zero per value (where
channels are uneven, divided by powers of two: `finer`); weights have one scale per output channel and no zero. A
convolution sums in 32 bits and multiplies the sum by `factor / 2^shift`, which gives fixed point: 1/256 of a step of
the result's bytes. Then the bias is added. Factors and biases have 16 bits: that is a hundred times finer than a byte,
and needs no product of more than 32 bits.

Curved activations take a number in units of 1/4,096 and multiply it by a gate: `silu(x) = x * sigmoid(x)`, and likewise
for the others. The gate is one table for all layers of a network: because the number itself keeps its precision, a
coarse gate is enough, whereas a table from byte to byte would be needed for every layer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import frexp, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinymnist.choices import WholeDtype
from tinymnist.errors import UsageError
from tinymnist.folded.network import Activation, Addition, Convolution, GroupNorm, Network, Pooling
from tinymnist.quantization.finer import Extremes, Finer, finer_values
from tinymnist.quantization.gates import UNIT_PARTS, gate_offset, gate_peak, is_curved
from tinymnist.quantization.weights import LARGEST_SUM, MOST, Bytes, Weights, whole_weights

Integers = NDArray[np.int64]
Range = tuple[float, float]
"""The least and the largest number of a value."""

STEP_PARTS = 256
"""Fixed point of results without a gate: parts of a step of the bytes."""
LIMIT = 1 << 22
"""No number in fixed point is larger; times 255, two of them fit into 32 bits."""
FACTOR_BITS = 15
MOST_SHIFT, WIDEST_SHIFT = 16, 62
"""Of a factor, where products fit into 32 bits, and where they need 64."""
SPARE_BITS = 4
"""Of a factor, which may be lost so that its shift is 16 at most."""
LARGEST_RESULT = 1 << 30
"""After a gate or slope, where products fit into 32 bits."""
LARGEST_FEATURE = 2**15 - 1
LOGIT_PARTS = 1 << 16
"""Integer logits: parts of the largest logit seen."""


@dataclass(frozen=True, slots=True)
class Affine:
    """A byte means `scale * (byte - zero)`."""

    scale: float
    zero: int
    beside: float = 0.0
    """By how many steps the number that is to mean 0 lies above `zero`: of pixels, whose bytes are given."""


@dataclass(frozen=True, slots=True)
class Output:
    """How fixed point becomes bytes: through `gate` and times `factor / 2^shift`, or with that slope below zero, or
    neither; then by steps from `base`."""

    base: int
    gate: str | None = None
    has_slope: bool = False
    factor: int = 0
    shift: int = 0
    bits: Integers | None = None
    """Of a gate: how much less the result of each channel is shifted."""


@dataclass(frozen=True, slots=True)
class QuantizedBasis:
    """What makes features of each input channel: sums of products, divided by `2^shift` and rounded down."""

    filters: Bytes
    """(number, height, width)"""
    shift: int


@dataclass(frozen=True, slots=True)
class QuantizedConvolution:
    """`scaled(sum, factors[c], shift) + biases[c] * 2^bias_shift` is fixed point; without `output`, it is a logit."""

    basis: QuantizedBasis | None
    """Where `weight` mixes features of the source; None where it reads the source itself."""
    weight: Bytes
    factors: Integers
    shift: int
    biases: Integers
    bias_shift: int
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
    dtype: WholeDtype
    """Of the weights."""
    wide: bool
    """Whether an image could make a number in fixed point that exceeds `LIMIT`, or a factor has a shift beyond
    `MOST_SHIFT`. Products then have 64 bits, and numbers end at `LIMIT`."""

    @property
    def logit_scale(self) -> float:
        return self.affines[-1].scale


def quantize(
    network: Network,
    ranges: Sequence[Range],
    channels: Sequence[Extremes] | None = None,
    dtype: WholeDtype = "int8",
) -> Quantized:
    """The network in whole numbers, with weights of this type, given the ranges of all its values, and of their
    channels. Raises `UsageError` for what has no such form."""
    finer = finer_values(network, channels) if channels else {}
    affines = value_affines(network, ranges, finer)
    weights: dict[int, Weights] = {}
    steps: dict[int, QuantizedConvolution | QuantizedAddition] = {}
    for index, step in enumerate(network.steps):
        source, result = affines[step.source], affines[index + 1]
        if isinstance(step, Addition):
            steps[index] = _addition(step, source, affines[step.other], result)
        elif isinstance(step, Convolution):
            if id(step.weight) not in weights:
                weights[id(step.weight)] = whole_weights(step, finer.get(step.source), dtype)
            last = index == len(network.steps) - 1
            steps[index] = _convolution(step, weights[id(step.weight)], source, result, last, finer.get(index + 1))
    return Quantized(affines, steps, dtype, any(map(_is_wide, steps.values())))


def value_affines(network: Network, ranges: Sequence[Range], finer: Mapping[int, Finer]) -> tuple[Affine, ...]:
    """What the bytes of each value mean; its steps may be `finer`. Raises `UsageError` for what has no int8 form."""
    zero = 255 * network.normalize.mean
    affines = [Affine(network.normalize.scale_and_shift[0], round(zero), zero - round(zero))]
    for value, step in enumerate(network.steps, 1):
        last = value == len(network.steps)
        if isinstance(step, Pooling):
            source = affines[step.source]
            affines.append(_logits_of_pooling(step, source) if last else source)
            continue
        if isinstance(step, GroupNorm):
            raise UsageError(f"{step.name}: no group norm in whole numbers: export float32, or train with batch norm")
        _refuse_unknown(step.name, step.activation)
        if last:
            affines.append(Affine(max(map(abs, ranges[value])) / LOGIT_PARTS or 1.0, 0))
        elif value in finer:
            affines.append(Affine(finer[value].scale, finer[value].zero))
        else:
            affines.append(_affine(step, ranges[value]))
    return tuple(affines)


ENDED_BY_BYTES = ("relu", "relu6")
"""Activations that need no code of their own: their bytes end where they do."""


def _refuse_unknown(name: str, activation: Activation | None) -> None:
    if activation is None or activation.slope is not None or is_curved(activation.name):
        return
    if activation.name not in ENDED_BY_BYTES:
        raise UsageError(f"{name}: no {activation.name} in whole numbers: export float32")


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


def _convolution(
    step: Convolution, weights: Weights, source: Affine, result: Affine, last: bool, finer: Finer | None
) -> QuantizedConvolution:
    part: Any = result.scale if last else _part(step.activation, result)
    curved = step.activation is not None and is_curved(step.activation.name)
    if finer and not curved:  # else the gate comes first
        part = part / 2.0**finer.bits
    scales, basis = weights.scales, None
    if weights.filters is not None:
        basis = _basis(weights.filters, source, weights.weight.shape[1])
        scales = scales * 2.0**basis.shift
    if step.scale is not None:
        scales = scales * step.scale
    factors, shift = fixed_point(source.scale * scales / part)
    biases, bias_shift = _biases((step.bias - _constant(step, weights, source)) / part)
    output = None if last else _output(step.activation, result)
    if output and finer and curved:
        output = replace(output, bits=finer.bits)
    return QuantizedConvolution(basis, weights.weight, factors, shift, biases, bias_shift, source.zero, output)


def _constant(step: Convolution, weights: Weights, source: Affine) -> NDArray[np.float64]:
    """What each sum is too large by, wherever the window lies within the source."""
    sums = weights.sums
    return source.scale * source.beside * (sums if step.scale is None else sums * step.scale)


def _basis(filters: Bytes, source: Affine, terms: int) -> QuantizedBasis:
    """Features of at most 16 bits, and so small that no image makes a sum of `terms` of them, each times a weight,
    that exceeds 32 bits."""
    most = min(LARGEST_FEATURE, LARGEST_SUM // (MOST["int8"] * terms))
    return QuantizedBasis(filters, (_largest_feature(filters, source.zero) // (most + 1)).bit_length())


def _largest_feature(filters: Bytes, zero: int) -> int:
    return _distance(zero) * int(np.abs(filters.astype(np.int64)).sum(axis=(1, 2)).max())


def _distance(zero: int) -> int:
    """The farthest that a byte can be from its zero."""
    return max(zero, 255 - zero)


def _biases(numbers: NDArray[np.float64]) -> tuple[Integers, int]:
    """Whole numbers of 16 bits, and how far they are shifted to the left."""
    biases = np.clip(np.rint(numbers), -LIMIT, LIMIT)
    shift = max(0, int(np.abs(biases).max()).bit_length() - FACTOR_BITS)
    return np.clip(np.rint(biases / 2**shift), -(2**15), 2**15 - 1).astype(np.int64), shift


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
        return Output(base, has_slope=True, factor=int(slope), shift=shift)
    if not activation or not is_curved(activation.name):
        return Output(base)
    name = activation.name
    (factor,), shift = fixed_point(np.array([gate_peak(name) * 256 / 255 / UNIT_PARTS / result.scale * STEP_PARTS]))
    base += round(gate_offset(name) / result.scale * STEP_PARTS)
    return Output(base, gate=name, factor=int(factor), shift=shift)


def fixed_point(numbers: NDArray[np.float64]) -> tuple[Integers, int]:
    """Factors of 15 bits and a sign, and one shift from 0 to 62, with `numbers = factors / 2^shift`. A shift that a few
    bits less bring down to 16 is 16."""
    shift = min(max(FACTOR_BITS - frexp(float(np.abs(numbers).max()))[1], 0), WIDEST_SHIFT)
    if MOST_SHIFT < shift <= MOST_SHIFT + SPARE_BITS:
        shift = MOST_SHIFT
    most = 2**FACTOR_BITS - 1
    return np.clip(np.rint(numbers * 2.0**shift), -most, most).astype(np.int64), shift


def _is_wide(quantized: QuantizedConvolution | QuantizedAddition) -> bool:
    """Whether numbers on the way to the result need 64 bits, or may exceed the limit of fixed point."""
    output, shifts, results = quantized.output, [quantized.shift], list[int]()
    if isinstance(quantized, QuantizedAddition):
        largest = np.array([sum(255 * abs(factor) for factor in quantized.factors) >> quantized.shift])
    else:
        weight = np.abs(quantized.weight.astype(np.int64)).reshape(len(quantized.weight), -1).sum(axis=1)
        number = _distance(quantized.zero)
        if quantized.basis:
            number = (_largest_feature(quantized.basis.filters, quantized.zero) >> quantized.basis.shift) + 1
        sums = number * weight * np.abs(quantized.factors) >> quantized.shift
        largest = sums + (np.abs(quantized.biases) << quantized.bias_shift)
    if output and (output.gate or output.has_slope):
        shifts.append(output.shift)
        less = 0 if output.bits is None else output.bits
        results.append(int((largest * abs(output.factor) >> (output.shift - less)).max()))
    return int(largest.max()) >= LIMIT or max(results, default=0) >= LARGEST_RESULT or max(shifts) > MOST_SHIFT
