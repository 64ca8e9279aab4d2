"""Loads a search file; every mistake is reported in one line, as in a spec."""

import os.path
from dataclasses import dataclass

import numpy as np
from pydantic import ValidationError

from tinymnist.errors import SpecError
from tinymnist.search.declaration import Dimension, Search
from tinymnist.search.space import Axis, Space, unfit_recipe
from tinymnist.spec.costs import COUNTS, UNITS
from tinymnist.spec.load import (
    Override,
    Place,
    document_from_text,
    error_at,
    nearest_place,
    parse_path,
    parsed,
    problems,
)
from tinymnist.spec.packaged import find_spec_file
from tinymnist.spec.path import Path
from tinymnist.spec.strict_yaml import read_file
from tinymnist.text import counted, shown

TRIES = 300
"""Networks that are drawn before a space is given up."""


@dataclass(frozen=True)
class SearchFile:
    """A search file that has been read."""

    text: str
    search: Search
    space: Space


def load_search(file: str) -> SearchFile:
    """Reads a search file and the spec that it varies. Raises `SpecError`."""
    return search_from_text(read_file(file), file)


def search_from_text(text: str, file: str, base: str | None = None) -> SearchFile:
    """The search in `text`, which errors call `file`; `base` is the file of the spec that it varies, by default the one
    that it names. Raises `SpecError`."""
    data, places = parsed(text, file)
    if not isinstance(data, dict):
        raise SpecError(f"{file}:1: expects keys such as `base:` and `search:`, found {shown(data)}", line=1)
    if "blocks" in data and "base" not in data:
        raise SpecError(f"{file}:1: is an architecture: a search file names it, as in `base: {file}`", line=1)
    try:
        search = Search.model_validate(data)
    except ValidationError as error:
        raise problems(error, places, Search) from None

    def place(*path: str | int) -> Place:
        return nearest_place(places, path)

    try:
        base = base or _find_base(search.base, file)
        base_text = read_file(base)
        recipe = document_from_text(base_text, base).spec.train
    except SpecError as error:
        raise error_at(place("base"), ("base",), str(error)) from None
    if (problem := unfit_recipe(recipe)) is not None:
        raise error_at(place("base"), ("base",), f"{base}: {problem}")
    for index, rung in enumerate(search.rungs):
        try:
            document_from_text(base_text, base, [Override(("train", "epochs"), rung.epochs, base)])
        except SpecError as error:
            where = ("rungs", index, "epochs")
            raise error_at(place(*where), where, f"the recipe does not go with {rung.epochs}: {error}") from None
    axes = tuple(
        _axis(key, dimension, place("search", key), place("search", key, "paths"))
        for key, dimension in search.search.items()
    )
    _refuse_same_paths(axes, places)
    description, fills = f"Found by the search {search.name}.", not search.wants_little
    space = Space(base_text, base, axes, search.budget, search.name, description, search.costs, fills)
    for axis in axes:
        _refuse_unfit(axis, space, place("search", axis.key))
    _refuse_hopeless(space, place("budget"))
    return SearchFile(text, search, space)


def _axis(key: str, dimension: Dimension, place: Place, place_of_paths: Place) -> Axis:
    named = (key,) if dimension.paths is None else dimension.paths
    where = place if dimension.paths is None else place_of_paths
    paths: list[Path] = []
    for text in named:
        path = parse_path(text)
        if path is None:
            remedy = "write it as in blocks[0].convs[0].out_channels, or name the places by `paths`"
            raise error_at(where, ("search", key), f"{shown(text)} is not a path: {remedy}")
        if path[0] in ("name", "description", "checks", "data") or path[:2] == ("train", "epochs"):
            raise error_at(where, ("search", key), f"{shown(text)} is not searched: the search file itself sets it")
        paths.append(path)
    axis = Axis(key, dimension, tuple(paths))
    if axis.is_width and axis.bounds[0] < 1:
        raise error_at(place, ("search", key), f"a width is 1 or more, found {axis.bounds[0]}")
    if len(axis.options) < len(dimension.choice or ()):
        raise error_at(place, ("search", key), "names an option twice: leave one out")
    return axis


def _find_base(base: str, file: str) -> str:
    """The file of the base: beside the search file, or else as anywhere. Raises `SpecError`."""
    beside = os.path.normpath(os.path.join(os.path.dirname(file), base))
    return beside if os.path.isfile(beside) else find_spec_file(base)


def _refuse_same_paths(axes: tuple[Axis, ...], places: dict[Path, Place]) -> None:
    """Raises `SpecError` where two axes put values into the same place, or one into the other's."""
    seen: list[tuple[Path, Axis]] = []
    for axis in axes:
        for path in axis.paths:
            for other, before in seen:
                if path == other:
                    raise error_at(
                        nearest_place(places, ("search", axis.key)),
                        ("search", axis.key),
                        f"{shown(before.key)} sets it too",
                    )
            seen.append((path, axis))


def _refuse_unfit(axis: Axis, space: Space, place: Place) -> None:
    """Raises `SpecError` for a value that makes no valid spec, alone or with values of the other axes."""
    for value in axis.ends:
        try:
            document_from_text(space.base, space.file, axis.overrides(value, str(place)))
        except SpecError as error:
            random = np.random.default_rng(0)
            drawn = ({**space.draw(random), axis.key: value} for _ in range(TRIES))
            if not any(space.candidate(values) for values in drawn):
                text = str(error).removeprefix(f"{place}: ")
                raise error_at(
                    place, ("search",), f"{shown(axis.key)} as {shown(value)} fits nowhere: {text}"
                ) from None


def _refuse_hopeless(space: Space, place: Place) -> None:
    """Raises `SpecError` where no network of the space is within the budget and uses enough of it."""
    random = np.random.default_rng(0)
    nearest: tuple[float, str] | None = None
    for _ in range(TRIES):
        values = space.draw(random)
        if space.fitted(values) is not None:
            return
        for scaled in space.extremes(values):
            found = space.candidate(scaled)
            if found is not None:
                plan = found.spec.plan
                text = f"{plan.parameters:,} parameters and {plan.macs:,} multiply-adds"
                memory = [(COUNTS[cost](plan), UNITS[cost]) for cost in ("ram", "flash") if cost in space.limits]
                text += "".join(f", and {count:,} {unit}" for count, unit in memory)
                distance = max(found.use - 1, space.budget.fill - found.use)
                nearest = min(nearest or (distance, text), (distance, text))
    if nearest is None:
        which = "valid and has an int8 program, as any without group norm" if space.needs_program else "valid"
        raise error_at(place, ("search",), f"none of {counted(TRIES, 'network')} drawn is {which}: try other choices")
    raise error_at(
        place,
        ("budget",),
        f"none of {counted(TRIES, 'network')} drawn uses {budget_text(space)}: the nearest has {nearest[1]}: "
        "widen the ranges, lower `fill`, or change the budget",
    )


def budget_text(space: Space) -> str:
    """`90 to 100 % of 1,000 parameters`, and the like."""
    fill, limits = space.budget.fill, [f"{limit:,} {UNITS[cost]}" for cost, limit in space.limits.items()]
    text = " and ".join(limits)
    if not fill:
        return f"at most {text}"
    return f"{100 * fill:g} to 100 % of {text}" + (", whichever is nearest" if len(limits) > 1 else "")
