"""Weights as whole numbers of a few bits, with a scale for each output channel."""

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from tinymnist.choices import WholeDtype
from tinymnist.errors import UsageError
from tinymnist.folded.network import Convolution, Numbers
from tinymnist.quantization.finer import Finer

Bytes = NDArray[np.int8]
Scales = NDArray[np.float64]

BITS: dict[WholeDtype, int] = {"int8": 8, "int4": 4}
MOST: dict[WholeDtype, int] = {dtype: 2 ** (bits - 1) - 1 for dtype, bits in BITS.items()}
"""The largest of the whole numbers, which lie on both sides of 0."""
CLIPS = np.linspace(0.2, 1, 33)
"""Where whole numbers are few, the largest stands for one of these parts of the largest weight."""
LARGEST_SUM = 2**31 - 1
MAX_TERMS = LARGEST_SUM // (255 * MOST["int8"])
"""The most products of a byte and a weight whose sum always fits into 32 bits."""


@dataclass(frozen=True, slots=True)
class Weights:
    """`weight * scales / by`, with a scale per output channel, is what `step.weight` or its mix is rounded to."""

    weight: Bytes
    scales: Scales
    by: Scales
    """What the weights were multiplied by before they were rounded: for finer values, and by the filters' scales."""
    filters: Bytes | None = None
    """Of a basis, if the weights mix its features; always bytes."""
    filter_scales: Scales | None = None

    @property
    def rounded(self) -> NDArray[np.float64]:
        """The weights, or the mix."""
        return _column(self.scales) * self.weight / self.by

    @property
    def rounded_filters(self) -> NDArray[np.float64]:
        assert self.filters is not None
        assert self.filter_scales is not None
        return self.filter_scales[:, None, None] * self.filters

    @property
    def sums(self) -> NDArray[np.float64]:
        """The sum of the rounded weights of each output channel."""
        rows = self.rounded.reshape(len(self.weight), -1)
        by_term = np.ones(1) if self.filters is None else self.rounded_filters.sum(axis=(1, 2))
        total: NDArray[np.float64] = rows @ np.resize(by_term, rows.shape[1])
        return total


def whole_weights(step: Convolution, finer: Finer | None, dtype: WholeDtype) -> Weights:
    """The weights of a step whose source may have finer steps. Raises `UsageError` for sums of too many products."""
    if prod(step.weight.shape[1:]) > MAX_TERMS:
        raise UsageError(f"{step.name}: sums more than {MAX_TERMS:,} products, too many for whole numbers: use float32")
    most = MOST[dtype]
    if not step.factors:
        by = _powers(step, step.weight, finer)
        return Weights(*_nearest(step.weight * by, most), by)
    filters, filter_scales = _nearest(step.factors.filters, MOST["int8"])
    mix = step.factors.mix
    by = np.resize(filter_scales, mix.shape[1:])[None] * _powers(step, mix, finer)  # features repeat by input channel
    return Weights(*_nearest(mix * by, most), by, filters, filter_scales)


def _powers(step: Convolution, weight: Numbers, finer: Finer | None) -> Scales:
    """What the weights of a source with finer steps are multiplied by, (outputs or 1, inputs or 1, 1, 1)."""
    if finer is None:
        return np.ones((1, 1, 1, 1))
    inputs = (2.0**-finer.bits).reshape(step.groups, -1)
    by_output = np.repeat(inputs, len(weight) // step.groups, axis=0)
    return np.repeat(by_output, weight.shape[1] // inputs.shape[1], axis=1)[:, :, None, None]


def _nearest(numbers: Numbers | NDArray[np.float64], most: int) -> tuple[Bytes, Scales]:
    """Whole numbers of up to `most`, and a scale for each place along the first axis. Bytes reach to the largest
    number; fewer whole numbers reach as far as makes the sum of squared errors least."""
    rows = numbers.reshape(len(numbers), -1)
    largest = np.abs(rows).max(axis=1).astype(np.float64)
    largest[largest == 0] = 1.0
    scales = largest / most
    if most < MOST["int8"]:
        tried = [clip * largest / most for clip in CLIPS]
        errors = [np.square(_whole(rows, each, most) * each[:, None] - rows).sum(axis=1) for each in tried]
        scales = np.array(tried)[np.argmin(errors, axis=0), np.arange(len(rows))]
    return _whole(rows, scales, most).astype(np.int8).reshape(numbers.shape), scales


def _whole(rows: NDArray[np.floating], scales: Scales, most: int) -> NDArray[np.float64]:
    whole: NDArray[np.float64] = np.clip(np.rint(rows / scales[:, None]), -most, most)
    return whole


def _column(scales: Scales) -> Scales:
    return scales[:, None, None, None]
