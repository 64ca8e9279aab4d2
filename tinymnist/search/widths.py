"""The widths of a network that may vary: which of them must be equal, and which must stay as they are."""

import math
from dataclasses import dataclass, field

from tinymnist.spec import Spec
from tinymnist.spec.layers import Conv, Norm
from tinymnist.spec.path import Path


@dataclass(frozen=True)
class Width:
    """A number of channels or features, and all places in the spec that must have it."""

    value: int
    paths: tuple[Path, ...]
    divisor: int
    """What it must be a multiple of."""


def widths(spec: Spec) -> list[Width]:
    """Every width of a network that may vary without the others, in the order of its first place."""
    ties = _Ties()
    width, by_block = STAYS, dict[str, list[Path]]()
    for index, block in enumerate(spec.blocks):
        through = [width]
        for place, conv in enumerate(block.convs):
            width = ties.after(conv, ("blocks", index, "convs", place, "out_channels"), width)
            through.append(width)
        if block.repeat > 1 or block.residual.kind == "identity":
            ties.tie(through[0], width)
        for here, there in zip(through, by_block.get(block.weights_from or "", []), strict=False):
            ties.tie(here, there)
        by_block[block.name or f"block{index + 1}"] = through
    if spec.head.kind == "global_pool" or spec.checks.linear is not None:
        ties.tie(width, STAYS)
    elif spec.head.kind == "linear":
        for place, hidden in enumerate(spec.head.hidden):
            ties.add(("head", "hidden", place, "out_features"), hidden.out_features)
    return ties.groups()


STAYS: Path = ()
"""Stands for the widths that the images, the classes or a rule decide."""


@dataclass
class _Ties:
    """Places of widths, and which of them belong together."""

    values: dict[Path, int] = field(default_factory=dict)
    divisors: dict[Path, int] = field(default_factory=dict)
    leaders: dict[Path, Path] = field(default_factory=dict)

    def add(self, path: Path, value: int) -> None:
        self.values[path] = value

    def after(self, conv: Conv, path: Path, width: Path) -> Path:
        """The place of the width after a convolution, given that of the width before it."""
        before, after = width, path
        if conv.out_channels is None:
            after = before
        else:
            self.add(path, conv.out_channels)
        if conv.kind == "depthwise" and after != before:
            self.tie(before, after)
            if self.values.get(before) != conv.out_channels:  # several filters per channel: no equal widths
                self.tie(after, STAYS)
        for each in (before, after):
            self._divide(each, conv.groups)
        self._divide(after, _groups(conv.norm))
        return after

    def tie(self, one: Path, other: Path) -> None:
        first, second = sorted((self._leader(one), self._leader(other)))  # what stays leads
        self.leaders[second] = first

    def groups(self) -> list[Width]:
        """Those that may vary."""
        together: dict[Path, list[Path]] = {}
        for path in self.values:
            together.setdefault(self._leader(path), []).append(path)
        return [
            Width(self.values[paths[0]], tuple(paths), math.lcm(*(self.divisors.get(path, 1) for path in paths)))
            for leader, paths in together.items()
            if leader != STAYS
        ]

    def _leader(self, path: Path) -> Path:
        while (leader := self.leaders.get(path, path)) != path:
            path = leader
        return path

    def _divide(self, path: Path, divisor: int) -> None:
        self.divisors[path] = math.lcm(self.divisors.get(path, 1), divisor)


def _groups(norm: Norm) -> int:
    return norm.groups if norm.kind == "group" else 1
