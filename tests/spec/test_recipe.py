"""Recipes: from a file, packaged, or named by an architecture."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.support.command_line import ARCHS, Cli
from tinymnist import load_spec
from tinymnist.errors import SpecError
from tinymnist.spec import Spec
from tinymnist.spec.packaged import packaged_recipes
from tinymnist.spec.recipe import Train

TINY = ARCHS / "tiny3130.yaml"
NET = "name: net\nblocks:\n  - convs: [4]\n"


def test_the_reference_recipe_is_that_of_the_reference_document() -> None:
    recipe = load_spec(TINY, recipe="reference").train.model_dump(mode="json", exclude={"chosen_on"})
    assert recipe == Train().model_dump(mode="json", exclude={"chosen_on"})
    assert (recipe["epochs"], recipe["batch_size"]) == (20, 512)


@pytest.mark.parametrize("name", packaged_recipes())
def test_every_packaged_recipe_loads_and_says_what_data_chose_it(name: str) -> None:
    assert load_spec(TINY, recipe=name).train.chosen_on


def test_a_recipe_file_replaces_the_train_section_alone(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("description: Mine.\ntrain: {epochs: 3, label_smoothing: 0.1}\n")
    spec, before = load_spec(TINY, recipe=str(recipe)), load_spec(TINY)
    assert (spec.train.epochs, spec.train.label_smoothing, spec.train.batch_size) == (3, 0.1, 512)
    assert spec.model_copy(update={"train": before.train}) == before


def test_the_spec_of_a_run_serves_as_a_recipe(small_run: Path) -> None:
    assert load_spec(TINY, recipe=str(small_run / "spec.yaml")).train == load_spec(small_run / "spec.yaml").train


def test_an_architecture_may_name_its_recipe(tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_text(f"{NET}train: reference\n")
    assert load_spec(file).train == load_spec(TINY, recipe="reference").train


def test_overrides_come_after_the_recipe(tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_text(f"{NET}train: reference\n")
    assert load_spec(file, ["train.optimizer.momentum=0.5"]).train.optimizer.model_dump()["momentum"] == 0.5


def test_a_recipe_may_be_named_by_set_and_by_a_recipe(tmp_path: Path) -> None:
    recipe = tmp_path / "same.yaml"
    recipe.write_text("train: steady\n")
    expected = load_spec(TINY, recipe="steady").train
    assert load_spec(TINY, ["train=steady"]).train == load_spec(TINY, recipe=str(recipe)).train == expected


def test_a_recipe_that_is_changed_is_not_the_one_that_was_chosen() -> None:
    assert load_spec(TINY, ["train.engine=torch"], recipe="steady").train.chosen_on
    assert not load_spec(TINY, ["train.epochs=3"], recipe="steady").train.chosen_on


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("train: {epochs: 0}\n", ":1: train.epochs: must be at least 1, found 0"),
        ("epochs: 3\n", ":1: has no `train:` section: a recipe needs one"),
        ("train: [\n", ":2: not valid YAML: "),
        ("train:\n  ema: 1.5\n", ":2: train.ema.decay: must be below 1, found 1.5"),
        ("train:\n  distill: {}\n", ":2: train.distill.teacher: is missing: give it a value"),
        ("train:\n  distill: {teacher: []}\n", ":2: train.distill.teacher: needs at least 1 entry"),
        ("train:\n  schedule: {name: linear}\n", ":2: train.schedule.lr: is missing: give it a value"),
        (
            "train:\n  schedule: {name: step, lr: 0.1}\n",
            ":2: train.schedule: expects either every, as in `every: 10`, or",
        ),
        (
            "train:\n  schedule: {name: step, lr: 0.1, every: 3, milestones: [3]}\n",
            ":2: train.schedule: expects either every, as in `every: 10`, or milestones, as in `milestones: [10, 15]`",
        ),
        (
            "train:\n  schedule: {name: step, lr: 0.1, milestones: [3, 5, 5]}\n",
            ":2: train.schedule.milestones: each is later than the one before: 5 comes after 5",
        ),
        (
            "train:\n  epochs: 15\n  schedule: {name: step, lr: 0.1, milestones: [10, 15]}\n",
            ":3: train.schedule: milestones: after epoch 15 nothing is trained: epochs is 15",
        ),
        (
            "train:\n  schedule: {name: step, lr: 1, milestones: 5}\n",
            ":2: train.schedule.milestones: expects a list, found 5: write [5]",
        ),
        (
            "train:\n  schedule: {name: plateau, lr: 0.1, min_lr: 0.2}\n",
            ":2: train.schedule: min_lr (=0.2) is above lr (=0.1)",
        ),
        ("train:\n  class_weights: inverse\n", ":2: train.class_weights: expects 'balanced', found 'inverse'"),
        ("train:\n  early_stopping: 0\n", ":2: train.early_stopping.patience: must be at least 1, found 0"),
        ("train:\n  early_stopping: {}\n", ":2: train.early_stopping.patience: is missing: give it a value"),
        ('train:\n  chosen_on: "a\\nb"\n', ":2: train.chosen_on: expects one line of text without control characters"),
        ("train: referense\n", ":1: train: 'referense' is not a recipe of tinymnist: did you mean 'reference'?"),
        ("train:\n  augment_until: 1.5\n", ":2: train.augment_until: must be at most 1, found 1.5"),
    ],
)
def test_a_mistake_in_a_recipe_is_reported_with_its_own_line(content: str, error: str, tmp_path: Path) -> None:
    recipe = tmp_path / "bad.yaml"
    recipe.write_text(content)
    with pytest.raises(SpecError) as raised:
        load_spec(TINY, recipe=str(recipe))
    assert str(raised.value).startswith(f"{recipe}{error}")


def test_an_unknown_recipe_gives_one_line(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("train", "--arch", TINY, "--recipe", "referense")
    assert (outcome.code, outcome.err) == (
        2, "tinymnist: referense: neither a recipe of tinymnist nor a file: did you mean 'reference'?\n"
    )  # fmt: skip


def test_a_spec_names_packaged_recipes_only(tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_text(f"{NET}train: referense\n")
    with pytest.raises(SpecError, match=r"net.yaml:4: train: 'referense' is not a recipe of tinymnist: did you mean"):
        load_spec(file)


@pytest.mark.parametrize(
    "train",
    [
        "reference",
        {"ema": 0.99},
        {"ema": {"decay": 0.99, "images": 100}},
        {"distill": {"teacher": "runs/a"}},
        {"distill": {"teacher": ["runs/a", "runs/b"], "temperature": 2.0, "views": "same"}},
        {"label_smoothing": 0.1, "augment_until": 0.9, "chosen_on": "validation"},
        {"schedule": {"name": "linear", "lr": 0.1, "warmup_epochs": 1.0}},
        {"class_weights": "balanced"},
        {"class_weights": None},
        {"early_stopping": 5},
        {"early_stopping": {"patience": 5, "min_improvement": 0.1}},
        {"schedule": {"name": "step", "lr": 0.1, "every": 5}},
        {"schedule": {"name": "plateau", "lr": 0.1, "patience": 2, "threshold": 0.0, "min_lr": 0.001}},
        {"schedule": {"name": "step", "lr": 0.1, "milestones": [5, 10], "factor": 0.2, "warmup_epochs": 1.0}},
    ],
    ids=str,
)
def test_the_schema_knows_what_recipes_may_say(train: Any) -> None:
    content = {"name": "net", "blocks": [{"convs": [4]}], "train": train}
    jsonschema.validate(json.loads(json.dumps(content)), Spec.model_json_schema())
