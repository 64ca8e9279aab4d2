"""Loads a `Spec` from a file and overrides; every mistake is reported in one line."""

import re
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any

from pydantic import BaseModel, ValidationError

from tinymnist.errors import SpecError
from tinymnist.spec.base import SHORTHANDS, expand
from tinymnist.spec.messages import explain
from tinymnist.spec.models import Spec
from tinymnist.spec.packaged import find_recipe_file, find_spec_file, packaged_recipes
from tinymnist.spec.path import Path, path_text
from tinymnist.spec.recipe import Train
from tinymnist.spec.strict_yaml import MAX_DEPTH, YamlProblem, parse, read_file
from tinymnist.text import did_you_mean, shown


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value was given: a line of a file, or an option of the command line."""

    file: str
    line: int | None = None
    option: str | None = None

    def __str__(self) -> str:
        return self.option or (f"{self.file}:{self.line}" if self.line else self.file)


@dataclass(frozen=True, slots=True)
class Override:
    """A value that replaces one from the file."""

    path: Path
    value: Any
    option: str
    """How it was given, for errors: `--set blocks[0].dropout=0.05`, `--epochs 3`."""


@dataclass(frozen=True)
class Document:
    """A loaded spec that still knows where its values were written."""

    file: str
    spec: Spec
    places: dict[Path, Place]

    def place(self, path: Path) -> Place:
        """Where the value at `path` was given, or the nearest value around it."""
        return nearest_place(self.places, path)


def load_spec(path: str | PathLike[str], overrides: Sequence[str] = (), recipe: str | None = None) -> Spec:
    """The validated spec in the YAML file `path`, or the packaged architecture of that name.

    `overrides` are written as on the command line: `["blocks[0].dropout=0.05", "train.epochs=3"]`; `recipe` is the name
    of a packaged recipe, or a file. Raises `SpecError`, whose message names file, line, field, value and remedy.
    """
    return load_document(find_spec_file(fspath(path)), [parse_override(text) for text in overrides], recipe).spec


def load_document(file: str, overrides: Sequence[Override] = (), recipe: str | None = None) -> Document:
    """Like `load_spec`, but the result knows where each value was written. `recipe`, a name or a file, replaces the
    `train:` section. Raises `SpecError`."""
    return document_from_text(read_file(file), file, overrides, recipe)


def document_from_text(text: str, file: str, overrides: Sequence[Override] = (), recipe: str | None = None) -> Document:
    """The spec in `text`; errors call it `file`. Raises `SpecError`."""
    return read_draft(text, file, recipe).document(overrides)


@dataclass(frozen=True)
class Draft:
    """The text of a spec, read but not validated: it becomes another document with each set of overrides."""

    file: str
    data: dict[str, Any]
    places: dict[Path, Place]

    def document(self, overrides: Sequence[Override] = ()) -> Document:
        """The spec with these overrides. Raises `SpecError`."""
        data, places = deepcopy(self.data), dict(self.places)
        for override in overrides:
            _apply(data, override, places)
            _expand_recipe(data, places)
        _forget_choice(data, overrides)
        try:
            spec = Spec.model_validate(data)
        except ValidationError as error:
            raise problems(error, places) from None
        return Document(self.file, spec, places)


def read_draft(text: str, file: str, recipe: str | None = None) -> Draft:
    """Reads the YAML in `text`, which errors call `file`, and the recipe that it names. Raises `SpecError`."""
    data, places = parsed(text, file)
    if not isinstance(data, dict):
        raise SpecError(
            f"{file}:1: expects keys such as `name:` and `blocks:`, found {shown(data)}: see `tinymnist new`", line=1
        )
    if "search" in data and "blocks" not in data:
        raise SpecError(f"{file}:1: is a search file, not an architecture: run it by `tinymnist search`", line=1)
    if recipe is not None:
        _take_recipe(recipe, data, places)
    _expand_recipe(data, places)
    return Draft(file, data, places)


def parsed(text: str, file: str) -> tuple[Any, dict[Path, Place]]:
    try:
        tree = parse(text)
    except YamlProblem as problem:
        raise error_at(Place(file, problem.line), problem.path, problem.message) from None
    on_line = {line: Place(file, line) for line in set(tree.lines.values())}
    return tree.data, {path: on_line[line] for path, line in tree.lines.items()}


def _expand_recipe(data: dict[str, Any], places: dict[Path, Place]) -> None:
    """Replaces the name of a recipe under `train:` with its content. Only packaged recipes can be named: what the path
    of a file means depends on where the spec is read. Raises `SpecError`."""
    name = data.get("train")
    if isinstance(name, str):
        known = packaged_recipes()
        if name not in known:
            place = nearest_place(places, ("train",))
            near = did_you_mean(name, known)
            raise error_at(place, ("train",), f"{shown(name)} is not a recipe of tinymnist: {near}")
        _take_recipe(name, data, places)


def _forget_choice(data: dict[str, Any], overrides: Sequence[Override]) -> None:
    """Drops `chosen_on` when an override changes the recipe: the result is not the recipe that was chosen."""
    changed = {override.path[1] for override in overrides if override.path[0] == "train" and len(override.path) > 1}
    if isinstance(data.get("train"), dict) and changed - {"engine"} and "chosen_on" not in changed:
        data["train"].pop("chosen_on", None)


def _take_recipe(recipe: str, data: dict[str, Any], places: dict[Path, Place]) -> str:
    """Replaces the `train:` section in `data` with that of a recipe's file, which may be a whole spec.

    Returns the file's description. Raises `SpecError`.
    """
    file = find_recipe_file(recipe)
    found, lines = parsed(read_file(file), file)
    if isinstance(found, dict):
        _expand_recipe(found, lines)
    if not isinstance(found, dict) or not isinstance(found.get("train"), dict):
        raise SpecError(f"{file}:1: has no `train:` section: a recipe needs one")
    data["train"] = found["train"]
    for path in [path for path in places if path[:1] == ("train",)]:
        del places[path]
    places.update({path: place for path, place in lines.items() if path[:1] == ("train",)})
    description = found.get("description", "")
    return description if isinstance(description, str) else ""


def load_recipe(recipe: str) -> tuple[Train, str]:
    """The recipe of that name or in that file, and its description. Raises `SpecError`."""
    data: dict[str, Any] = {}
    places: dict[Path, Place] = {}
    description = _take_recipe(recipe, data, places)
    try:
        return Train.model_validate(data["train"]), description
    except ValidationError as error:
        raise problems(error, places, Train, ("train",)) from None


def parse_override(text: str) -> Override:
    """Reads `blocks[0].dropout=0.05` or `blocks.0.dropout=0.05`; the value is as in a file. Raises `SpecError`."""
    option = f"--set {shown(text)[1:-1]}"
    name, equals, value = text.partition("=")
    path = parse_path(name.strip())
    if not equals or not path:
        raise SpecError(f"{option}: expects KEY=VALUE, as in blocks[0].dropout=0.05 or train.epochs=3")
    try:
        data = parse(value).data if value.strip() else ""
    except YamlProblem as problem:
        raise SpecError(f"{option}: {path_text(path)}: {problem.message}") from None
    return Override(path, data, option)


_PART = r"[A-Za-z_][A-Za-z0-9_]{0,63}"
_PATH = re.compile(rf"{_PART}(\.{_PART}|\.[0-9]{{1,6}}|\[[0-9]{{1,6}}\])*")


def parse_path(text: str) -> Path | None:
    if not _PATH.fullmatch(text):
        return None
    parts = re.split(r"[.\[\]]+", text.rstrip("]"))
    return tuple(int(part) if part.isdigit() else part for part in parts) if len(parts) <= MAX_DEPTH else None


def _apply(data: dict[str, Any], override: Override, places: dict[Path, Place]) -> None:
    """Puts the override's value into `data`, in place. Raises `SpecError`."""
    place = Place("", option=override.option)

    def wrong(path: Path, message: str) -> SpecError:
        return error_at(place, path, message)

    here: Any = data
    replaced: Any = None
    for depth, part in enumerate(override.path):
        around = override.path[:depth]
        last = depth == len(override.path) - 1
        if isinstance(here, list):
            if not isinstance(part, int):
                raise wrong(around, f"is a list: say which of its {len(here)} entries, as in {path_text((*around, 0))}")
            if part >= len(here):
                raise wrong(around, f"has {len(here)} entries, numbered from 0: there is no [{part}]")
        elif isinstance(here, dict):
            if isinstance(part, int):
                raise wrong(around, f"is not a list: there is no [{part}] in it")
            if not last and part not in here:
                inner = (*around, part)
                here[part] = _default_at(data, inner)
                places[inner] = place
        else:
            raise wrong(around, f"is {shown(here)}: there is no {shown(str(part))} in it")
        if last:
            replaced = None if isinstance(here, dict) and part not in here else here[part]
            here[part] = deepcopy(override.value)  # a later override may reach into it
        else:
            here[part] = _opened(override.path[: depth + 1], here[part])
            here = here[part]
    if isinstance(replaced, dict | list):
        for path in [path for path in places if path[: len(override.path)] == override.path]:
            del places[path]
    places[override.path] = place


def _default_at(data: dict[str, Any], path: Path) -> Any:
    """What the validated spec has at `path`, which the file leaves out; an empty mapping if it has nothing there."""
    try:
        value: Any = Spec.model_validate(data).model_dump(mode="json", exclude_none=True)
        for part in path:
            value = value[part]
    except (ValidationError, LookupError, TypeError):
        return {}
    return value


def _opened(path: Path, value: Any) -> Any:
    """`value` in a form that an override can reach into: shorthand at `path` is written out."""
    if isinstance(value, dict | list):
        return value
    key = next((part for part in reversed(path) if isinstance(part, str)), "")
    within_list = isinstance(path[-1], int)
    if key == "augment" and within_list and isinstance(value, str):
        return {value: {}}
    if key in SHORTHANDS and within_list == (key in ("convs", "hidden")):
        return expand(key, value)
    return value


def nearest_place(places: dict[Path, Place], path: Path) -> Place:
    while path not in places:
        path = path[:-1]
    return places[path]


MAX_PROBLEMS = 10
"""The most mistakes that are told of one file."""


def problems(
    error: ValidationError, places: dict[Path, Place], root: type[BaseModel] = Spec, within: Path = ()
) -> SpecError:
    """The mistakes in a `root` at the path `within`, in the order of their lines."""
    listed = [problem for problem in error.errors() if problem["type"] != "default_factory_not_called"]
    if len(listed) > 1:  # a list whose entries are wrong counts as too short as well
        listed = [problem for problem in listed if problem["type"] != "too_short"]
    explained = [explain(problem, root) for problem in listed]
    in_defaults = {message for path, message in explained if path[:1] == ("defaults",)}
    found: dict[str, SpecError] = {}
    for path, message in explained:
        if path[:1] == ("defaults",) or message not in in_defaults:  # the blocks repeat what their defaults have wrong
            path = (*within, *path)
            each = error_at(nearest_place(places, path), path, message)
            found.setdefault(str(each), each)
    first, *others = sorted(found.values(), key=lambda each: each.line or 0)
    return SpecError(str(first), first.line, tuple(map(str, others[: MAX_PROBLEMS - 1])))


def error_at(place: Place, path: Path, message: str) -> SpecError:
    where = f"{path_text(path)}: " if path else ""
    return SpecError(f"{place}: {where}{message}", place.line)
