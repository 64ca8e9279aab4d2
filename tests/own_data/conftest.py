"""Small data sets of one's own, and runs on them."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinymnist
from tests.support.digits import mnist_5k
from tests.support.image_sets import Splits, write_folders, write_npz

BIRDS = ["Amsel", "Blaumeise", 'Grünfink "klein"', "桜鳥"]
"""Names with an umlaut, with quotes, and with characters that few fonts have."""

Train = Callable[..., Path]


def patterns(classes: int, shape: tuple[int, ...], per_class: int = 6, seed: int = 0) -> Splits:
    """Training and test images, half as many, of random patterns under noise, one pattern per class."""
    generator = np.random.default_rng(seed)
    pattern = generator.integers(0, 256, (classes, *shape))
    labels = {"train": np.repeat(np.arange(classes), per_class), "test": np.repeat(np.arange(classes), per_class // 2)}
    return {
        split: (((pattern[given] + generator.integers(0, 256, (len(given), *shape))) // 2).astype(np.uint8), given)
        for split, given in labels.items()
    }


def with_twins(splits: Splits) -> Splits:
    """The same, where the second training image repeats the first: worth a warning."""
    images, labels = splits["train"]
    return {**splits, "train": (np.concatenate([images[:1], images[:1], images[2:]]), labels)}


@pytest.fixture(scope="session")
def birds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders of pictures in colour, 20 pixels high and 24 wide, with two twins. Not to be changed."""
    return write_folders(tmp_path_factory.mktemp("data") / "birds", with_twins(patterns(4, (20, 24, 3))), BIRDS)


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The images of mnist-5k as an .npz file."""
    train, train_labels, test, test_labels = mnist_5k()
    splits = {"train": (train, train_labels), "test": (test, test_labels)}
    return write_npz(tmp_path_factory.mktemp("data") / "digits.npz", splits)


@pytest.fixture(scope="session")
def train_on(tmp_path_factory: pytest.TempPathFactory) -> Train:
    """Trains a tiny network for an epoch on a data set, and gives the path of its run, or of a series of `seeds`."""

    def train(
        data: str | Path,
        classes: int = 10,
        shape: tuple[int, int, int] = (1, 28, 28),
        seeds: int = 1,
        held_out: int = 0,
    ) -> Path:
        channels, height, width = shape
        path = tmp_path_factory.mktemp("archs") / "net.yaml"
        path.write_text(
            f"name: net\ninput: {{channels: {channels}, height: {height}, width: {width}}}\nclasses: {classes}\n"
            "blocks: [{convs: [{out_channels: 4, stride: 2}], pool: max}]\n"
            "train: {epochs: 1, batch_size: 400, engine: torch, augment: [], schedule: {name: constant, lr: 0.01}}\n"
        )
        spec = tinymnist.load_spec(path)
        options: Any = {"dataset": str(data), "validation": held_out, "output": tmp_path_factory.mktemp("runs")}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is odd about the data
            if seeds == 1:
                return tinymnist.train(spec, name="run", **options).path
            return tinymnist.train_series(spec, range(seeds), jobs=1, name="series", **options).path

    return train


@pytest.fixture(scope="session")
def birds_run(birds: Path, train_on: Train) -> Path:
    """A finished run on `birds`. Not to be changed."""
    return train_on(birds, 4, (3, 20, 24))
