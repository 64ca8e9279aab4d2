"""What is asked of students, and what it is worth: the models of an assignment file."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, Strict, ValidationError

from tinymnist.errors import SpecError
from tinymnist.spec.base import MAX_ENTRIES, Epochs, Model
from tinymnist.spec.load import parsed, problems
from tinymnist.spec.models import NAME, Checks
from tinymnist.spec.strict_yaml import read_file
from tinymnist.text import shown

MAX_GRADED_SEEDS = 100
MAX_POINTS = 1000
LARGEST_SEED = 2**31 - 1

_Points = Annotated[float, Field(ge=0, le=MAX_POINTS)]
Forbidden = Literal["distill", "ema", "class_weights", "label_smoothing"]


class RecipeRules(Model):
    """What a recipe may not do."""

    max_epochs: Epochs | None = Field(None, description="At most this many passes over the training images.")
    max_batch: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None, description="At most this many images per step."
    )
    forbid: Annotated[tuple[Forbidden, ...], Strict(False), Field(max_length=MAX_ENTRIES)] = Field(
        ("distill",),
        description="Keys that a recipe may not use; a teacher network smuggles parameters in. A list of your own "
        "replaces this one: name `distill` in it too.",
    )


class Target(Model):
    """The accuracy that a network should reach on the test images."""

    accuracy: Annotated[float, Field(gt=1, le=100)] = Field(description="Percent, as a mean over the seeds.")
    last_epochs: Epochs = Field(1, description="Each of so many last epochs has to reach it.")


class Points(Model):
    """What each part is worth."""

    valid: _Points = Field(1, description="The spec can be read and built.")
    budget: _Points = Field(2, description="The network is within every budget of `checks`.")
    rules: _Points = Field(2, description="Network and recipe keep to the other `checks` and to `recipe`.")
    accuracy: _Points = Field(5, description="The target is reached.")


def _seeds(value: object) -> object:
    """In one message, where two types would give two."""
    if type(value) is int and 1 <= value <= MAX_GRADED_SEEDS:
        return value
    seeds = tuple(value) if isinstance(value, list | tuple) else ()
    whole = all(type(seed) is int and 0 <= seed <= LARGEST_SEED for seed in seeds)
    if whole and 1 <= len(seeds) == len(set(seeds)) <= MAX_GRADED_SEEDS:
        return seeds
    raise ValueError(
        f"expects how many seeds, from 1 to {MAX_GRADED_SEEDS}, or a list of different ones, found {shown(value)}"
    )


class Assignment(Model):
    """An assignment: `assignment.yaml`."""

    name: str = Field(pattern=NAME, description="Letters, digits, `.`, `_` and `-`; names the folder of the grades.")
    description: str = Field("", max_length=2000, description="What is asked, for people to read.")
    dataset: str = Field("mnist", min_length=1, max_length=1000, description="The images, by name or path.")
    checks: Checks = Field(Checks(), description="What every network is held to, besides its own `checks`.")
    recipe: RecipeRules = Field(RecipeRules(), description="What every recipe is held to.")
    seeds: Annotated[
        int | tuple[int, ...],
        BeforeValidator(_seeds, json_schema_input_type=int | list[int]),
    ] = Field(3, description="How many seeds the grader draws, or a list of them.")
    target: Target = Field(description="What the network should reach.")
    points: Points = Field(Points(), description="What each part is worth.")


def load_assignment(file: str) -> tuple[Assignment, str]:
    """The assignment in a file, and its text. Raises `SpecError`, whose message names file, line, field and remedy."""
    text = read_file(file)
    data, places = parsed(text, file)
    if not isinstance(data, dict):
        raise SpecError(f"{file}:1: expects keys such as `checks:` and `target:`, found {shown(data)}", line=1)
    try:
        return Assignment.model_validate(data), text
    except ValidationError as error:
        raise problems(error, places, Assignment) from None
