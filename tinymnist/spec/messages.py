"""Puts Pydantic's errors in the words of a spec: where, what was found, what is expected."""

import re
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from tinymnist.spec.layers import Block, Conv
from tinymnist.spec.models import Checks, Input, Spec
from tinymnist.spec.path import Path
from tinymnist.spec.plan import PlanProblem
from tinymnist.spec.recipe import Train
from tinymnist.spec.vocabulary import KNOWN_ALREADY, key_here, word_here
from tinymnist.text import did_you_mean, shown

_TAGGED = {"pool", "norm", "head", "optimizer", "schedule"}
"""Keys with several forms: Pydantic's paths have the form's name after them, which the file does not."""

_SECTIONS: tuple[tuple[type[BaseModel], str], ...] = (
    (Conv, "in an entry of `convs`, or under `defaults:`"),
    (Block, "in an entry of `blocks`"),
    (Train, "under `train:`"),
    (Checks, "under `checks:`"),
    (Input, "under `input:`"),
)
"""Where the keys of each section belong."""

_EXPECTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "text (quote it if it looks like a number)",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}

_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "above"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "below"),
}


def explain(problem: ErrorDetails, root: type[BaseModel]) -> tuple[Path, str]:
    """The path of a problem as in the file, and what to tell the user."""
    path = _file_path(problem["loc"])
    kind, context, value = problem["type"], problem.get("ctx", {}), problem["input"]
    if kind == "value_error":
        cause = context["error"]
        if isinstance(cause, PlanProblem):
            return cause.path, cause.message
        return path, f"{cause}"
    if kind == "extra_forbidden":
        return path, f"unknown key: {_hint(str(path[-1]), _known_keys(problem['loc'], root))}"
    if kind == "missing":
        needed = "every spec needs it" if root is Spec and len(path) == 1 else "give it a value"
        return path, f"is missing: {needed}"
    if kind in _EXPECTED:
        return path, f"expects {_EXPECTED[kind]}, found {shown(value)}{_remedy(kind, value)}"
    if kind == "literal_error":
        allowed = context["expected"]
        if " or " not in allowed:
            return path, f"expects {allowed}, found {shown(value)}"
        return path, f"{shown(value)} is not one of {_choices(value, allowed)}"
    if kind == "union_tag_invalid":
        key = context["discriminator"].strip("'")
        return (
            *path,
            key,
        ), f"{shown(context['tag'])} is not one of {_choices(context['tag'], context['expected_tags'])}"
    if kind == "union_tag_not_found":
        key, forms = context["discriminator"].strip("'"), _tags_at(problem["loc"], root)
        others = [other for other, each in value.items() if each in forms] if isinstance(value, dict) else []
        remedy = f"write it instead of {shown(others[0])}" if others else f"it is one of {', '.join(forms)}"
        return path, f"{key} is missing: {remedy}"
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        bound = context[key]
        text = f"{bound:,}" if isinstance(bound, int) else f"{bound:g}"
        return path, f"must be {words} {text}, found {shown(value)}"
    if kind == "too_short":
        return path, f"needs at least {context['min_length']} entry"
    if kind == "too_long":
        return path, f"has more than {context['max_length']:,} entries: leave some out"
    if kind == "string_too_long":
        return path, f"is longer than {context['max_length']:,} characters: shorten it"
    if kind == "string_pattern_mismatch":
        return (
            path,
            f"{shown(value)} is not a name: use letters, digits and `_` (a spec's name also `.` and `-`), at most 64",
        )
    return path, f"{problem['msg'][0].lower()}{problem['msg'][1:]}, found {shown(value)}"


def _file_path(location: tuple[int | str, ...]) -> Path:
    path: list[str | int] = []
    for before, part in zip(("", *location), location, strict=False):
        if not (before in _TAGGED and isinstance(part, str)) and part != "[key]":
            path.append(part)
    return tuple(path)


def _choices(value: Any, expected: str) -> str:
    """Pydantic's `'a', 'b' or 'c'` as a list, with a suggestion where one is close."""
    words = [word.strip(" '") for word in expected.replace(" or ", ",").split(",")]
    if isinstance(value, str) and (meant := word_here(value, words)):
        return f"{', '.join(words)}: here it is {meant}"
    near = did_you_mean(str(value), words)
    return ", ".join(words) + (f": {near}" if near.startswith("did") else "")


def _hint(word: str, known: list[str]) -> str:
    """What a word for a key may have meant: a key of another section, a slip of the pen, or another tool's word."""
    for model, section in _SECTIONS:
        if word in model.model_fields:
            return f"it belongs {section}"
    if word in KNOWN_ALREADY:
        return "leave it out: it is known from the layer before"
    near = did_you_mean(word, known)
    return near if near.startswith("did") else key_here(word) or near


def _remedy(kind: str, value: Any) -> str:
    """What to write instead of a value of another type."""
    if kind == "tuple_type" and isinstance(value, int):
        return f": write [{value}]"
    if kind == "tuple_type" and isinstance(value, dict):
        return ": begin each entry with `- `"
    if kind in ("int_type", "float_type") and isinstance(value, str) and re.fullmatch(r"\d{1,3}(,\d{3})+", value):
        return f": write it without commas, as in {value.replace(',', '')}"
    return ""


def _known_keys(location: tuple[int | str, ...], root: type[BaseModel]) -> list[str]:
    """The keys of the model in which the key at `location` is unknown."""
    return sorted({key for model in _models_at(location[:-1], root) for key in model.model_fields})


def _models_at(location: tuple[int | str, ...], root: type[BaseModel]) -> list[type[BaseModel]]:
    models: list[type[BaseModel]] = [root]
    for part in location:
        if isinstance(part, int):
            continue
        tagged = [model for model in models if part in _tags(model)]
        fields = [model.model_fields[part] for model in models if part in model.model_fields]
        if tagged or fields:  # else a name that the spec gives: of a basis
            models = tagged or [found for field in fields for found in _models_in(field.annotation)]
    return models


def _tags_at(location: tuple[int | str, ...], root: type[BaseModel]) -> list[str]:
    """The forms that the value at `location` may take."""
    return [str(tag) for model in _models_at(location, root) for tag in _tags(model)]


def _tags(model: type[BaseModel]) -> tuple[Any, ...]:
    fields = model.model_fields
    field = fields.get("kind") or fields.get("name")
    return get_args(field.annotation) if field is not None else ()


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for argument in get_args(annotation) for found in _models_in(argument)]
