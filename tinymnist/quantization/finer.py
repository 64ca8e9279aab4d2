"""Finer steps for channels of small numbers.

A value has one scale. Where its channels differ by orders of magnitude, the small ones would be left with a few of the
256 bytes. Their numbers are therefore multiplied by powers of two, as far as the bytes reach, and the weights that read
them are divided by the same, so that a convolution computes what it did. The idea is that of cross-layer equalisation
(Nagel, van Baalen, Blankevoort and Welling 2019, "Data-Free Quantization Through Weight Equalization and Bias
Correction"), but the factors come after the activation, which may be curved.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tinymnist.folded.network import Convolution, Network, Pooling, sources
from tinymnist.quantization.gates import UNIT_PARTS, is_curved

Extremes = NDArray[np.float64]
"""(channels, 2): the least and the largest number of each channel of a value, over all images."""

ENOUGH = 16
"""Where each channel spans so many bytes, steps stay as they are."""
MOST = 12
"""The largest exponent of a power."""
ZEROS = range(4, 129, 4)
"""The bytes of zero that are tried for a value with numbers below it."""
BOUNDED = ("tanh", "sigmoid", "relu6")
"""Activations with ranges of their own, which no channel is far from."""


@dataclass(frozen=True, slots=True)
class Finer:
    """A byte of channel c means `scale * (byte - zero) / 2^bits[c]`."""

    scale: float
    zero: int
    bits: NDArray[np.int64]


def finer_values(network: Network, extremes: Sequence[Extremes]) -> dict[int, Finer]:
    """The values that are given finer steps, by their number. `extremes` are those of all values."""
    found: dict[int, Finer] = {}
    for group in _groups(network):
        own = [value for value in group if not _is_pooled(network, value)]
        if any(_is_zero(extremes[value]) for value in own):  # of which no steps can be said to be finer
            continue
        if all(_fewest_bytes(extremes[value]) >= ENOUGH for value in own):
            continue
        of_steps = {value: _finest(extremes[value], _least_step(network, value)) for value in own}
        bits = np.min([finest.bits for finest in of_steps.values()], axis=0)
        for value in group if bits.any() else ():
            origin = of_steps[_origin(network, value)]
            found[value] = Finer(origin.scale, origin.zero, bits)
    return found


def _with_zero(extremes: Extremes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The least and the largest number of each channel that has others than 0, and 0 where that lies beyond them."""
    low, high = np.minimum(extremes[:, 0], 0.0), np.maximum(extremes[:, 1], 0.0)
    return low[low < high], high[low < high]


def _is_zero(extremes: Extremes) -> bool:
    """Whether no channel has numbers other than 0."""
    return not extremes.any()


def _fewest_bytes(extremes: Extremes) -> float:
    """How many bytes the channel with the smallest span has, where all have one scale."""
    low, high = _with_zero(extremes)
    return 255 * float((high - low).min() / (high.max() - low.min()))


def _least_step(network: Network, value: int) -> float:
    """Numbers that come out of a gate are no finer than those that go in."""
    step = network.steps[value - 1]
    activation = step.activation if isinstance(step, Convolution) else None
    return 1 / UNIT_PARTS if activation and is_curved(activation.name) else 0.0


def _finest(extremes: Extremes, least_step: float) -> Finer:
    """With the byte of zero that gives the finest steps: the least sum of squares, in parts of the channels' spans."""
    low, high = _with_zero(extremes)

    def steps(zero: int) -> Finer:
        needed = np.maximum(high / (255 - zero), -low / zero if zero else 0.0)
        bits = np.clip(np.floor(np.log2(needed.max() / np.maximum(needed, least_step))), 0, MOST)
        return Finer(float(needed.max()), zero, bits.astype(np.int64))

    def coarseness(finer: Finer) -> float:
        return float(np.square(finer.scale / 2.0**finer.bits / (high - low)).sum())

    best = min(map(steps, ZEROS if low.min() < 0 else [0]), key=coarseness)
    bits = np.zeros(len(extremes), np.int64)
    bits[(extremes[:, 0] < 0) | (extremes[:, 1] > 0)] = best.bits
    return replace(best, bits=bits)


def _is_pooled(network: Network, value: int) -> bool:
    return value > 0 and isinstance(network.steps[value - 1], Pooling)


def _origin(network: Network, value: int) -> int:
    """The value whose scale this one has: pooling keeps that of its source."""
    while _is_pooled(network, value):
        value = network.steps[value - 1].source
    return value


def _groups(network: Network) -> list[list[int]]:
    """Values that must have the same powers: those that are pooled and what comes of them, and all that the same
    weights read. Left out are groups with the image, the logits, or a value that anything but a convolution reads in
    the end."""
    group_of = list(range(len(network.steps) + 1))

    def join(one: int, other: int) -> None:
        old, new = group_of[one], group_of[other]
        group_of[:] = [new if group == old else group for group in group_of]

    refused = {0, len(network.steps)}
    readers: dict[int, int] = {}
    for value, step in enumerate(network.steps, 1):
        if isinstance(step, Pooling):
            join(value, step.source)
        elif isinstance(step, Convolution):
            join(step.source, readers.setdefault(id(step.weight), step.source))
            if step.activation and step.activation.name in BOUNDED:
                refused.add(value)
        else:
            refused |= {*sources(step), value}
    left_out = {group_of[value] for value in refused}
    groups: dict[int, list[int]] = {}
    for value, group in enumerate(group_of):
        if group not in left_out:
            groups.setdefault(group, []).append(value)
    return [*groups.values()]
