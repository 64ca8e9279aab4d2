"""Class weights: those of scikit-learn, of the images that are trained on, the same wherever a run is trained."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.command_line import Cli
from tinymnist import Series, load_run, load_spec, open_run, train
from tinymnist.spec.recipe import Train
from tinymnist.training.class_weights import class_weights
from tinymnist.training.engine import Engine, NativeEngine, TorchEngine

BALANCED = Train(class_weights="balanced")


def test_without_class_weights_there_are_none() -> None:
    assert class_weights(Train(), torch.tensor([0, 1, 1]), 2) is None


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    utilities = pytest.importorskip("sklearn.utils")
    labels = np.repeat(np.arange(10), np.arange(1, 101, 10) ** 2)
    expected = utilities.compute_class_weight("balanced", classes=np.arange(10), y=labels)
    found = class_weights(BALANCED, torch.from_numpy(labels), 10)
    torch.testing.assert_close(found, torch.from_numpy(expected).float())


def test_a_class_without_images_has_a_finite_weight() -> None:
    found = class_weights(BALANCED, torch.tensor([0, 0, 2]), 3)
    torch.testing.assert_close(found, torch.tensor([0.5, 1.0, 1.0]))


def options(quick: Path, output: Path, *more: object) -> list[object]:
    """Three images held out, of the classes 0, 1 and 2: they leave 399 images of each of these, 400 of the others."""
    where = ["--dataset", "mnist-5k", "--validation", 3, "--output", output, "--name", "run"]
    return ["train", quick, "--epochs", 1, "--set", "train.class_weights=balanced", *where, *more]


@pytest.mark.parametrize("engine", ["torch", "native"])
def test_each_image_has_the_weight_of_its_class_among_those_that_are_trained_on(
    cli: Cli, quick: Path, engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[Tensor, Tensor]] = []
    kinds: dict[str, type[Engine]] = {"torch": TorchEngine, "native": NativeEngine}
    kind = kinds[engine]
    step = kind.step

    def watched(
        self: Engine, images: Tensor, labels: Tensor, seed: int, teacher: Tensor | None, weights: Tensor
    ) -> None:
        given.append((labels, weights))
        step(self, images, labels, seed, teacher, weights)

    monkeypatch.setattr(kind, "step", watched)
    outcome = cli(*options(quick, tmp_path, "--engine", engine, "--device", "cpu"))
    assert outcome.code == 0, outcome.err
    labels, weights = (torch.cat(tensors) for tensors in zip(*given, strict=True))
    assert len(labels) == 3997
    expected = torch.tensor([3997 / 3990] * 3 + [3997 / 4000] * 7)
    torch.testing.assert_close(weights, expected[labels])


@pytest.mark.parametrize("engine", ["torch", "native"])
def test_weights_change_what_is_learned(cli: Cli, quick: Path, engine: str, tmp_path: Path) -> None:
    digests = set()
    for recipe in ([], ["train.class_weights=balanced"]):
        spec = load_spec(quick, ["train.epochs=1", f"train.engine={engine}", *recipe])
        run = train(spec, seed=1, dataset="mnist-5k", validation=3, output=tmp_path, name=f"run{len(recipe)}")
        digests.add(run.result.weights_sha256)
    assert len(digests) == 2


@pytest.mark.slow
def test_a_run_of_a_series_has_the_bits_of_the_run_alone(cli: Cli, quick: Path, tmp_path: Path) -> None:
    assert cli(*options(quick, tmp_path / "alone", "--seed", 1, "--threads", 1)).code == 0
    assert cli(*options(quick, tmp_path / "several", "--seeds", "0,1", "--threads", 1)).code == 0
    series = open_run(tmp_path / "several" / "run")
    assert isinstance(series, Series)
    alone, among = load_run(tmp_path / "alone" / "run"), load_run(series.seed_path(1))
    assert alone.result.weights_sha256 == among.result.weights_sha256


def test_the_recipe_of_a_run_keeps_its_class_weights(cli: Cli, quick: Path, tmp_path: Path) -> None:
    assert cli(*options(quick, tmp_path)).code == 0
    assert load_spec(tmp_path / "run" / "spec.yaml").train.class_weights == "balanced"
