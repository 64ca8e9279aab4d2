"""Where each value of a network lies in one piece of memory, when a program without allocation computes it.

Two values that are alive at the same time do not overlap, with one exception: the last step that reads a value may
write over what it has already read. Steps walk the image from its first row to its last, so a result may start a little
before its source and follow behind; how little depends on the window. The idea is that of diagonal memory optimisation
(Blacker, Bridges and Hadfield 2021, "Diagonal Memory Optimisation for Machine Learning on Micro-controllers").
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, combinations
from math import prod

from tinymnist.spec.plan import Layer, Plan, Window

Shape = tuple[int, int, int]
"""Channels, height and width of a value. It is stored row by row, the channels of a pixel side by side."""

PIXEL = Window((1, 1), (1, 1), (0, 0))


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a program. Value 0 is the image; the nth stage, counted from 1, makes value n."""

    sources: tuple[int, ...]
    shape: Shape
    window: Window | None
    """What it reads its source by; None where an element depends on the same element of each source alone."""


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """The first element of each placed value, and how many elements they take in all."""

    offsets: dict[int, int]
    size: int


def int8_ram(plan: Plan) -> int | None:
    """Bytes of scratch memory of the int8 program in C: one per element of what lies between the image and the logits.
    None for a network with group norm, which has no such program."""
    if "group_norm" in {layer.label for layer in plan.layers}:
        return None
    stages = stages_of(plan)
    return max(1, plan_memory(_image(plan.layers[0].input), stages, range(1, len(stages))).size)


def stages_of(plan: Plan) -> list[Stage]:
    """The steps that are left when norms and activations belong to the convolutions before them."""
    stages: list[Stage] = []
    values = [0]  # the number here of each value of the plan
    takes_norm = 0  # the last value, if a batch norm could still be folded into it
    for layer in plan.layers:
        source = values[layer.sources[0]]
        if layer.label == "batch_norm" and source and source == takes_norm:
            values.append(source)
        elif layer.kind in ("conv", "linear", "pool", "add", "norm"):
            stages.append(Stage(tuple(values[each] for each in layer.sources), _image(layer.output), _window(layer)))
            values.append(len(stages))
            takes_norm = len(stages) if layer.kind in ("conv", "linear") or layer.label == "batch_norm" else 0
        else:
            values.append(source)
            takes_norm = 0 if layer.kind == "activation" else takes_norm
    return stages


def _window(layer: Layer) -> Window | None:
    if layer.kind == "linear" or layer.label == "batch_norm":
        return PIXEL
    return layer.window


def _image(shape: tuple[int, ...]) -> Shape:
    """(channels, height, width), also for the vectors of the head."""
    channels, height, width = (*shape, 1, 1)[:3]
    return channels, height, width


def plan_memory(image: Shape, stages: Sequence[Stage], placed: Sequence[int]) -> MemoryPlan:
    """A plan for the values in `placed`; the others lie elsewhere."""
    shapes = [image, *(stage.shape for stage in stages)]
    sizes = {value: prod(shapes[value]) for value in placed}
    gaps = _gaps(shapes, stages, sizes)
    order = sorted(placed)
    # Place one value first, then those before it back to the image, then those after it. Try every value as the first.
    orders = [[*reversed(order[:first]), *order[first:]] for first in range(len(order) + 1)]
    return min((_place(each, sizes, gaps) for each in orders), key=lambda plan: plan.size)


def _lead(stage: Stage, source: Shape) -> int:
    """How many elements before its source (of shape `source`, read for the last time) a stage's result must start.

    The result at a pixel is written while its window may still be read, and before all later windows are read.
    """
    if stage.window is None:
        return 0  # each element is read for the last time when its result is written
    channels, height, width = source
    out_channels, down, across = stage.shape
    rows, columns = (
        [min(max(index * stride - padding, 0), size - 1) for index in range(count)]
        for count, stride, padding, size in zip(
            (down, across), stage.window.stride, stage.window.padding, (height, width), strict=True
        )
    )
    first_read = [channels * (row * width + column) for row in rows for column in columns]
    still_needed = [*accumulate(reversed(first_read), min)][::-1]
    return max(0, *(out_channels * (index + 1) - needed for index, needed in enumerate(still_needed)))


def _gaps(
    shapes: Sequence[Shape], stages: Sequence[Stage], sizes: Mapping[int, int]
) -> dict[tuple[int, int], tuple[int, int]]:
    """Forbidden distances between two values: the first must not start between these two distances from the second."""
    last_reader = {source: number for number, stage in enumerate(stages, 1) for source in stage.sources}
    gaps = {}
    for earlier, later in combinations(sorted(sizes), 2):
        if last_reader.get(earlier, len(shapes)) < later:
            continue  # nothing reads the earlier value any more
        before, behind = -sizes[later], sizes[earlier]
        if last_reader.get(earlier) == later:
            before = max(before, -_lead(stages[later - 1], shapes[earlier]))
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
