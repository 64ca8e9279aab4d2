"""Diagnosis: what the metrics of a training say about it, and nothing where it went well."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.command_line import ARCHS, ROOT, Cli
from tinymnist.training.diagnosis import diagnose
from tinymnist.training.metrics import read_metrics
from tinymnist.training.observer import EpochRow

SERIES = sorted((ROOT / "tinymnist" / "results").glob("*/metrics.csv"))


def epochs(train: Sequence[float], scored: Sequence[float] | None = None, lr: float = 0.1) -> list[EpochRow]:
    rows = zip(train, scored or train, strict=True)
    return [EpochRow(number, lr, 1.0, one, 1.0, other, 1.0, 1.0) for number, (one, other) in enumerate(rows, start=1)]


def clean(rows: Sequence[EpochRow], accuracy: float) -> list[EpochRow]:
    """The epochs with this accuracy on training images that are not augmented."""
    return [replace(row, clean_train_accuracy=accuracy) for row in rows]


@pytest.mark.parametrize("metrics", SERIES, ids=lambda path: path.parent.name)
def test_shipped_results_have_none(metrics: Path) -> None:
    seeds = json.loads((metrics.parent / "result.json").read_text())["n"]
    assert diagnose(read_metrics(metrics, seeds), 10) == []


CASES = {
    "nothing learned": (
        [epochs([11.2, 10.4, 10.1], lr=4)],
        "the network learned nothing: training accuracy 10.1 %, guessing gives 10.0 %; the learning rate rose to 4: "
        "try a tenth of it",
    ),
    "some seeds learned nothing": (
        [epochs([11.0, 10.0]), epochs([90.0, 95.0])],
        "1 of 2 seeds learned nothing: training accuracy 10.0 %, guessing gives 10.0 %; the learning rate rose to 0.1: "
        "try a tenth of it",
    ),
    "a fall": (
        [epochs([80.0, 93.1, 62.4, 95.0], lr=0.12)],
        "training accuracy fell from 93.1 to 62.4 % in epoch 3, at a learning rate of 0.12: a lower one may do better",
    ),
    "learned by heart": (
        [epochs([99.0, 99.9], [97.0, 98.1])],
        "the training images are known better than others: 99.90 against 98.10 %: augmentation or dropout, or "
        "more of it, may help",
    ),
    "learned by heart, though augmentation hides it": (
        [clean(epochs([96.0, 97.0], [97.0, 98.1]), 99.9)],
        "the training images are known better than others: 99.90 against 98.10 %: augmentation or dropout, or "
        "more of it, may help",
    ),
    "too soon": (
        [epochs([90.0, 91.0, 92.0], [90.0, 91.0, 92.0])],
        "accuracy was still rising, by 2.00 points in the last two epochs: more epochs may help",
    ),
    "scatter": (
        [epochs([99.0]), epochs([98.0]), epochs([97.0])],
        "seeds scatter: 97.00 to 99.00 %, standard deviation 1.00 points",
    ),
}


@pytest.mark.parametrize(("metrics", "sentence"), CASES.values(), ids=CASES.keys())
def test_each_thing_that_went_wrong_is_a_sentence_with_its_figures(
    metrics: list[list[EpochRow]], sentence: str
) -> None:
    assert diagnose(metrics, 10) == [sentence]


@pytest.mark.parametrize("rows", [[99.0], [97.0, 99.0], [98.0, 99.0, 99.1], [98.0, 99.0, 98.5, 99.2]])
def test_a_training_that_went_well_has_none(rows: list[float]) -> None:
    assert diagnose([epochs(rows)], 10) == []


def test_the_accuracy_on_images_as_they_are_counts_where_it_is_known() -> None:
    assert diagnose([clean(epochs([99.0, 99.9], [97.0, 98.1]), 98.5)], 10) == []


@pytest.mark.parametrize(("images", "sentences"), [(1000, 0), (10_000, 1)])
def test_what_few_images_leave_to_chance_is_no_finding(images: int, sentences: int) -> None:
    assert len(diagnose([clean(epochs([74.6], [90.9]), 92.8)], 10, images=images)) == sentences


@pytest.mark.parametrize(
    ("metrics", "images"),
    [
        ([epochs([90.0, 90.5, 91.0])], 100),
        ([epochs([90.0]), epochs([89.0]), epochs([91.0])], 100),
    ],
    ids=["a rise", "scatter"],
)
def test_nor_are_differences_of_one_image_in_a_hundred(metrics: list[list[EpochRow]], images: int) -> None:
    assert len(diagnose(metrics, 10)) == 1
    assert diagnose(metrics, 10, images=images) == []


@pytest.mark.parametrize(
    ("classes", "accuracy", "learned"),
    [(2, 52.0, False), (2, 53.0, True), (2, 74.0, True), (10, 14.9, False), (10, 15.0, True), (1000, 0.14, False),
     (1000, 0.16, True)],
)  # fmt: skip
def test_whether_anything_was_learned_depends_on_the_number_of_classes(
    classes: int, accuracy: float, learned: bool
) -> None:
    assert (diagnose([epochs([accuracy])], classes) == []) == learned


def test_without_metrics_there_is_nothing_to_say() -> None:
    assert diagnose([], 10) == []


def test_train_says_so_in_the_end(cli: Cli, tmp_path: Path) -> None:
    rate = "train.schedule={name: constant, lr: 8}"
    options = ["--dataset", "mnist-5k", "--seed", 0, "--epochs", 1, "--output", tmp_path, "--name", "wild"]
    outcome = cli("train", ARCHS / "tiny3130.yaml", "--set", rate, *options)
    assert outcome.code == 0
    assert "\nnote: the network learned nothing: training accuracy " in outcome.out
    (sentence,) = json.loads(cli("train", "--resume", tmp_path / "wild", "--json").out)["diagnosis"]
    assert f"note: {sentence}\n" in outcome.out


def test_a_rate_that_is_far_too_low_is_not_called_too_high() -> None:
    (sentence,) = diagnose([epochs([11.0, 11.0], lr=1e-6)], 10)
    assert sentence.endswith("; the learning rate rose to 1e-06: try a much higher one")
