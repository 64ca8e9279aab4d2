"""Networks of one's own pictures, which several files of tests export."""

import pytest

from tests.support.spots import NAMES, trained_on_shapes
from tinymnist.training import Run


@pytest.fixture(scope="session")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A network of four classes with odd names, on pictures of 3x20x24."""
    return trained_on_shapes(tmp_path_factory.mktemp("colours"), NAMES, 3, 20, 24)
