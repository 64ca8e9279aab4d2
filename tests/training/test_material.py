"""What is trained on: when augmentation ends, and which images are held out."""

from pathlib import Path

import pytest

from tests.support.command_line import Cli
from tinymnist import load_run, load_spec, train
from tinymnist.data.affine import AffineAugmenter
from tinymnist.data.augment import Augmentation


def test_augmentation_ends_when_the_recipe_says(quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    original = AffineAugmenter.augmentation

    def counted(self: AffineAugmenter, n: int, seed: int) -> Augmentation:
        calls.append(seed)
        return original(self, n, seed)

    monkeypatch.setattr(AffineAugmenter, "augmentation", counted)
    overrides = ["train.augment=[ShiftScaleRotate]", "train.epochs=4", "train.augment_until=0.75"]
    train(load_spec(quick, overrides), seed=1, dataset="mnist-5k", output=tmp_path)
    assert len(calls) == len(set(calls)) == 3  # once for each epoch


def test_a_validated_run_says_so_and_never_scores_the_test_set(quick: Path, cli: Cli, tmp_path: Path) -> None:
    outcome = cli("train", "--arch", quick, "--validation", 500, "--dataset", "mnist-5k", "--output", tmp_path,
                  "--seed", 1, "--name", "held")  # fmt: skip
    assert " % on mnist-5k (500 held-out training images, " in outcome.out
    assert "validation loss" in outcome.err
    assert "test loss" not in outcome.err
    run = load_run(tmp_path / "held")
    assert (run.result.scored_on, run.result.n, run.environment.validation) == ("validation", 500, 500)


@pytest.mark.parametrize("count", [4000, 5000])
def test_not_all_images_can_be_held_out(count: int, quick: Path, cli: Cli, tmp_path: Path) -> None:
    outcome = cli("train", "--arch", quick, "--validation", count, "--dataset", "mnist-5k", "--output", tmp_path)
    assert (outcome.code, outcome.err) == (
        2, f"tinymnist: --validation {count}: expects 1 to 3,999 of mnist-5k's training images\n"
    )  # fmt: skip
