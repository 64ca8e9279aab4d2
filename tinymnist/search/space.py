"""The space of a search: values for its dimensions, the networks that they make, and which of them fit the budget."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from tinymnist.check import check
from tinymnist.check.rules import BUDGETS
from tinymnist.errors import SpecError
from tinymnist.search.costs import limits_of
from tinymnist.search.declaration import Budget, Dimension
from tinymnist.spec import Spec
from tinymnist.spec.costs import COUNTS, RULES, Cost
from tinymnist.spec.dump import dump_spec
from tinymnist.spec.load import Document, Draft, Override, read_draft
from tinymnist.spec.path import Path
from tinymnist.spec.recipe import Train
from tinymnist.spec.schedules import Plateau
from tinymnist.spec.scratch import int8_ram

Value = int | float | str
"""A number, or an option of a choice as text."""
Values = Mapping[str, Value]
"""A value for each dimension, by its key."""

WIDTH_KEYS = frozenset({"out_channels", "out_features"})
WIDTH_LISTS = frozenset({"convs", "hidden"})
"""Lists whose entries may be a width alone."""


@dataclass(frozen=True)
class Axis:
    """A dimension of the space, and the places in the spec that get its value."""

    key: str
    dimension: Dimension
    paths: tuple[Path, ...]

    @property
    def is_width(self) -> bool:
        """Whether it is a number of channels or features: such numbers are scaled together to fill the budget."""
        return self.dimension.whole is not None and all(map(_is_width, self.paths))

    @cached_property
    def options(self) -> dict[str, Any]:
        """The values of a choice, by the text that stands for them."""
        return {option_text(option): option for option in self.dimension.choice or ()}

    def overrides(self, value: Value, place: str = "") -> list[Override]:
        """Puts a value into the spec; errors name `place`, by default the axis."""
        found = self.options[str(value)] if self.dimension.choice is not None else value
        return [Override(path, found, place or self.key) for path in self.paths]

    @property
    def bounds(self) -> tuple[int, int, int]:
        """Lowest and highest whole number, and the step between them."""
        assert self.dimension.whole is not None
        low, high, *step = self.dimension.whole
        return low, high, step[0] if step else 1

    def contains(self, number: float) -> bool:
        """Whether this number is one of its values."""
        if self.dimension.whole is not None:
            return isinstance(number, int) and self.nearest(number) == number
        low, high = self.dimension.real or self.dimension.log or (math.inf, -math.inf)
        return low <= number <= high

    def nearest(self, number: float) -> int:
        """The possible whole number nearest to this."""
        low, high, step = self.bounds
        return low + step * round((min(max(number, low), high - (high - low) % step) - low) / step)

    def draw(self, random: np.random.Generator) -> Value:
        """A value, each as likely as any other."""
        if self.dimension.choice is not None:
            return list(self.options)[int(random.integers(len(self.options)))]
        if self.dimension.whole is not None:
            least, most, step = self.bounds
            return least + step * int(random.integers((most - least) // step + 1))
        if self.dimension.log is not None:
            low, high = self.dimension.log
            return float(np.clip(low * (high / low) ** random.random(), low, high))
        assert self.dimension.real is not None
        return float(random.uniform(*self.dimension.real))

    @property
    def ends(self) -> tuple[Value, ...]:
        """Lowest and highest value, or all options."""
        return tuple(self.options) or (self.dimension.whole or self.dimension.log or self.dimension.real or ())[:2]

    @property
    def size(self) -> float:
        """How many values there are; infinite for numbers that need not be whole."""
        if self.dimension.choice is not None:
            return len(self.options)
        if self.dimension.whole is not None:
            low, high, step = self.bounds
            return (high - low) // step + 1
        return math.inf


def _is_width(path: Path) -> bool:
    return path[-1] in WIDTH_KEYS or (isinstance(path[-1], int) and len(path) > 1 and path[-2] in WIDTH_LISTS)


def option_text(option: Any) -> str:
    """An option of a choice as text: as JSON, but plain where it is a word."""
    return option if isinstance(option, str) else json.dumps(option, ensure_ascii=False)


@dataclass(frozen=True)
class Candidate:
    """A network of the space."""

    values: Values
    spec: Spec
    use: float
    """The share of the budget that it uses; of several budgets, the largest share."""

    @property
    def digest(self) -> str:
        """Tells networks apart: different values may make the same one."""
        return hashlib.sha256(dump_spec(self.spec).encode("utf-8")).hexdigest()


@dataclass(frozen=True)
class Space:
    """The networks that a base spec becomes under the values of some axes, and the budget that they are held to."""

    base: str
    """The text of the base spec."""
    file: str
    """What errors call it."""
    axes: tuple[Axis, ...]
    budget: Budget
    name: str
    description: str
    costs: tuple[Cost, ...]
    """What the search is about."""
    fills: bool = True
    """Whether all networks are to use the budget up; a search that wants them to cost little needs small ones, too."""

    def document(self, values: Values, epochs: int | None = None) -> Document:
        """The network that these values make, with a schedule of so many epochs, by default the base's. Raises
        `SpecError` where they do not go together."""
        overrides = [
            Override(("name",), self.name, "name"),
            Override(("description",), self.description, "description"),
        ]
        given = {RULES[cost]: limit for cost, limit in self.budget.limits.items()}
        rules = {"exact_params": None, "max_params": None, **given}
        overrides += [Override(("checks", rule), limit, "budget") for rule, limit in rules.items()]
        for axis in self.axes:
            overrides += axis.overrides(values[axis.key])
        if epochs is not None:
            overrides.append(Override(("train", "epochs"), epochs, f"{epochs} epochs"))
        document = self._draft.document(overrides)
        return replace(document, spec=_without_unused_bases(document.spec))

    @cached_property
    def base_spec(self) -> Spec:
        """The base. Raises `SpecError`."""
        return self.base_with([])

    def base_with(self, overrides: Sequence[Override]) -> Spec:
        """The base with other values, which need not be in the space. Raises `SpecError`."""
        return self._draft.document(overrides).spec

    @cached_property
    def _draft(self) -> Draft:
        """The base, read once: a search makes thousands of networks of it."""
        return read_draft(self.base, self.file)

    @cached_property
    def limits(self) -> dict[Cost, int]:
        """The budget of the search. Where it says nothing of multiply-adds or memory, what the base allows holds."""
        kept = {cost: limit for cost, limit in limits_of(self.base_spec.checks).items() if cost != "parameters"}
        limits = kept | self.budget.limits
        return {cost: limits[cost] for cost in COUNTS if cost in limits}

    def use(self, spec: Spec) -> float:
        """The share of the budget that a network uses; of several budgets, the largest share; infinity, if there is a
        budget of memory or flash and the network has no int8 program."""
        counts = [(COUNTS[cost](spec.plan), limit) for cost, limit in self.limits.items()]
        return max(math.inf if count is None or not limit else count / limit for count, limit in counts)

    @cached_property
    def needs_program(self) -> bool:
        """Whether networks without an int8 program are left out."""
        return bool({"ram", "flash"} & {*self.costs, *self.limits})

    def candidate(self, values: Values) -> Candidate | None:
        """The network that these values make; None where they do not go together, break a rule of the base that is no
        budget, or have a recipe that no search can use."""
        try:
            document = self.document(values)
        except SpecError:
            return None
        if unfit_recipe(document.spec.train) is not None:
            return None
        if self.needs_program and int8_ram(document.spec.plan) is None:
            return None
        verdicts = check(document).verdicts
        if any(not verdict.passed for verdict in verdicts if verdict.rule not in BUDGETS):
            return None
        return Candidate(values, document.spec, self.use(document.spec))

    def fitted(self, values: Values) -> Candidate | None:
        """The network that these values make, its widths scaled together so that it uses `fill` to all of the budget;
        where networks need not use it up, only if they exceed it. None where there is none."""
        found = (None if self.fills else self._within(values)) or self._largest(values)
        return found if found is not None and found.use >= self.budget.fill else None

    def draw(self, random: np.random.Generator) -> Values:
        """Values, each drawn on its own; nothing is held to the budget."""
        return {axis.key: axis.draw(random) for axis in self.axes}

    def extremes(self, values: Values) -> Iterator[Values]:
        """The same values with the smallest widths, and with the largest."""
        for end in (0, 1):
            yield {**values, **{axis.key: axis.bounds[end] for axis in self.widths}}

    @cached_property
    def widths(self) -> tuple[Axis, ...]:
        return tuple(axis for axis in self.axes if axis.is_width)

    def _largest(self, values: Values) -> Candidate | None:
        """The largest network within the budget whose widths stand to each other nearly as those in `values`."""
        if not self.widths:
            return self._within(values)
        ratios = [
            (axis.bounds[0] / float(values[axis.key]), axis.bounds[1] / float(values[axis.key])) for axis in self.widths
        ]
        low, high = min(least for least, _ in ratios), max(most for _, most in ratios)
        best = self._within(self._scaled(values, high))
        if best is not None:
            return best
        best = self._within(self._scaled(values, low))
        if best is None:
            return None
        for _ in range(STEPS):
            middle = math.sqrt(low * high)
            found = self._within(self._scaled(values, middle))
            low, high = (low, middle) if found is None else (middle, high)
            best = found or best
        wider: Candidate | None = best
        while wider is not None:  # fill what rounding left
            best = wider
            fitting = filter(None, map(self._within, self._wider(best.values, values)))
            # a width that costs nothing, as most do where memory is the budget, stays as it is
            wider = next((each for each in fitting if each.use > best.use), None)
        return best

    def _wider(self, values: Values, wanted: Values) -> Iterator[Values]:
        """The same values with one width a step wider, for each width that can be: first the one that falls shortest of
        what is wanted."""
        for axis in sorted(self.widths, key=lambda axis: float(values[axis.key]) / float(wanted[axis.key])):
            width = axis.nearest(float(values[axis.key]) + axis.bounds[2])
            if width != values[axis.key]:
                yield {**values, axis.key: width}

    def _scaled(self, values: Values, factor: float) -> Values:
        return {**values, **{axis.key: axis.nearest(factor * float(values[axis.key])) for axis in self.widths}}

    def _within(self, values: Values) -> Candidate | None:
        """The network that these values make, if there is one, and it is within the budget."""
        found = self.candidate(values)
        return found if found is not None and found.use <= 1 else None


def unfit_recipe(recipe: Train) -> str | None:
    """Why no search can use a recipe, and what to do; None for all others. Where scored images decide when training
    ends, or how fast it goes, the winner would have another recipe, as it is trained on all images."""
    if recipe.early_stopping is not None or isinstance(recipe.schedule, Plateau):
        problem = "goes by the scored images, of which there are none when the winner is trained on all images"
        return f"its recipe {problem}: leave out early_stopping and plateau"
    if recipe.quantize is not None:
        return "its recipe rounds, which is for a trained network, and a search trains new ones: leave out quantize"
    return None


def _without_unused_bases(spec: Spec) -> Spec:
    """A space may vary a basis that some of its networks do not use."""
    used = {conv.basis for block in spec.blocks for conv in block.convs}
    bases = {name: basis for name, basis in (spec.bases or {}).items() if name in used}
    return spec.model_copy(update={"bases": bases or None})


STEPS = 12
"""Halvings of the range of the factor: widths of up to 1,000 are then told apart."""
