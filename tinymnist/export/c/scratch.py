"""Where each value of a network lies in one piece of scratch memory.

Two values that are alive at the same time do not overlap, with one exception: the last step that reads a value may
write over what it has already read. Steps walk the image from its first row to its last, so a result may start a little
before its source and follow behind; how little depends on the window. The idea is that of diagonal memory optimisation
(Blacker, Bridges and Hadfield 2021, "Diagonal Memory Optimisation for Machine Learning on Micro-controllers").
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod

import numpy as np

from tinymnist.export.folded import Convolution, Network, Pooling, Step, sources


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """The first element of each placed value, and how many elements they take in all."""

    offsets: dict[int, int]
    size: int


def plan_memory(network: Network, placed: Sequence[int]) -> MemoryPlan:
    """A plan for the values in `placed`. A value is stored row by row, the channels of a pixel side by side."""
    sizes = {value: prod(network.shape(value)) for value in placed}
    gaps = _gaps(network, sizes)
    order = sorted(placed)
    # Place one value first, then those before it back to the image, then those after it. Try every value as the first.
    orders = [[*reversed(order[:first]), *order[first:]] for first in range(len(order) + 1)]
    return min((_place(each, sizes, gaps) for each in orders), key=lambda plan: plan.size)


def lead(step: Step, source: tuple[int, int, int]) -> int:
    """How many elements before its source (of shape `source`, read for the last time) a step's result must start.

    The result at a pixel is written while its window may still be read, and before all later windows are read.
    """
    if not isinstance(step, Convolution | Pooling):
        return 0  # each element is read for the last time when its result is written
    channels, height, width = source
    out_channels, down, across = step.shape
    rows, columns = (
        np.clip(np.arange(count) * stride - padding, 0, size - 1)
        for count, stride, padding, size in zip((down, across), step.stride, step.padding, (height, width), strict=True)
    )
    first_read = channels * (rows[:, None] * width + columns).ravel()
    still_needed = np.minimum.accumulate(first_read[::-1])[::-1]
    written = out_channels * np.arange(1, down * across + 1)
    return max(0, int((written - still_needed).max()))


def _gaps(network: Network, sizes: Mapping[int, int]) -> dict[tuple[int, int], tuple[int, int]]:
    """Forbidden distances between two values: the first must not start between these two distances from the second."""
    last_uses = network.last_uses
    gaps = {}
    for earlier, later in combinations(sorted(sizes), 2):
        step = network.steps[later - 1]
        if last_uses[earlier] < later - 1:
            continue  # nothing reads the earlier value any more
        before, behind = -sizes[later], sizes[earlier]
        if last_uses[earlier] == later - 1 and earlier in sources(step):
            before = max(before, -lead(step, network.shape(earlier)))
        gaps[later, earlier] = before, behind
        gaps[earlier, later] = -behind, -before
    return gaps


def _place(
    order: Sequence[int], sizes: Mapping[int, int], gaps: Mapping[tuple[int, int], tuple[int, int]]
) -> MemoryPlan:
    """Puts one value after another at the lowest place that the values before it leave free."""
    offsets: dict[int, int] = {}
    for value in order:
        taken = [
            (offset + gaps[value, other][0], offset + gaps[value, other][1])
            for other, offset in offsets.items()
            if (value, other) in gaps
        ]
        places = [0, *(stop for _, stop in taken if stop > 0)]
        offsets[value] = min(place for place in places if not any(start < place < stop for start, stop in taken))
    return MemoryPlan(offsets, max((offset + sizes[value] for value, offset in offsets.items()), default=0))
