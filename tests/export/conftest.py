"""What several files of tests export: networks of one's own pictures, and images to export with."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.spots import NAMES, trained_on_shapes
from tinymnist.training import Run


@pytest.fixture(scope="session")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A network of four classes with odd names, on pictures of 3x20x24."""
    return trained_on_shapes(tmp_path_factory.mktemp("colours"), NAMES, 3, 20, 24)


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 30 pictures to calibrate on and 10 to test: noise."""
    folder = tmp_path_factory.mktemp("few")
    generator = np.random.default_rng(0)
    for part, count in (("train", 3), ("test", 1)):
        for label in range(10):
            place = folder / part / str(label)
            place.mkdir(parents=True)
            for number in range(count):
                Image.fromarray(generator.integers(0, 256, (28, 28), np.uint8)).save(place / f"{number}.png")
    return folder
