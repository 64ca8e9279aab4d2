"""Filters: the picture of a convolution, and its description."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinymnist
from tests.support.command_line import ARCHS
from tinymnist.report.filters import Filters, filters_of, picture_of


def filters(*shape: int, groups: int = 1, first: bool = False) -> Filters:
    return Filters("conv", np.linspace(-1, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape), groups, first)


BLUE, VERMILION, WHITE, BLACK, CLEAR = (0, 114, 178, 255), (184, 86, 0, 255), (255,) * 4, (0, 0, 0, 255), (0,) * 4


def test_weights_are_blue_above_zero_and_vermilion_below() -> None:
    assert picture_of(filters(1, 3, 1, 1)).tolist() == [[list(VERMILION), list(WHITE), list(BLUE)]]


def test_the_first_layer_is_grey() -> None:
    picture = picture_of(filters(2, 1, 1, 2, first=True)).tolist()
    assert picture == [[list(BLACK), [85, 85, 85, 255], list(CLEAR), [170, 170, 170, 255], list(WHITE)]]


def test_an_output_is_a_row_and_an_input_a_column() -> None:
    weights = np.zeros((3, 2, 2, 2), np.float32)
    weights[2, 1] = 0.5
    picture = picture_of(Filters("conv", weights, 1, False))
    assert picture.shape == (3 * 3 - 1, 2 * 3 - 1, 4)
    assert np.argwhere((picture == BLUE).all(2)).tolist() == [[6, 3], [6, 4], [7, 3], [7, 4]]


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([(1, 1), (3, 3), (3, 5)]), st.booleans())
def test_each_weight_that_is_not_cut_off_is_one_pixel(
    outputs: int, inputs: int, kernel: tuple[int, int], first: bool
) -> None:
    made = filters(outputs, inputs, *kernel, first=first)
    alone = inputs == 1 or (first and inputs == 3)  # one filter, or one in the colours of an image
    shown = outputs if alone else min(outputs, 32) * min(inputs, 32)
    assert (picture_of(made)[..., 3] == 255).sum() == shown * kernel[0] * kernel[1]
    assert bool(made.cut) == (inputs > 32 or (not alone and outputs > 32))


def test_weights_that_are_all_zero_are_drawn() -> None:
    assert picture_of(Filters("conv", np.zeros((1, 2, 1, 1), np.float32), 1, False)).tolist() == [[list(WHITE)] * 2]


@pytest.mark.parametrize(
    ("made", "size", "cut"),
    [
        (filters(6, 1, 3, 3, first=True), "1 to 6 channels, 3x3", ""),
        (filters(8, 6, 3, 5), "6 to 8 channels, 3x5", ""),
        (filters(8, 1, 3, 3, groups=8), "8 to 8 channels, 3x3, depthwise", ""),
        (filters(8, 4, 1, 1, groups=2), "8 to 8 channels, 1x1, 2 groups", ""),
        (filters(33, 40, 1, 1), "40 to 33 channels, 1x1", "the first 32 of 40 in, 32 of 33 out"),
        (filters(600, 1, 1, 1, groups=600), "600 to 600 channels, 1x1, depthwise", "the first 512 of 600 out"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_filters_in_words(made: Filters, size: str, cut: str) -> None:
    assert (made.size, made.cut) == (size, cut)


@pytest.mark.parametrize("path", sorted(ARCHS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_convolution_is_there_once(path: Path) -> None:
    """Shared ones once, and those that are sums of a basis as what they sum to."""
    model = tinymnist.build_model(tinymnist.load_spec(path))
    found = filters_of(model)
    parameters = {name.rpartition("."): each for name, each in model.named_parameters()}
    plain = {name: each.numel() for (name, _, kind), each in parameters.items() if kind == "weight" and each.ndim == 4}
    summed = {name: each.shape[:2].numel() * 9 for (name, _, kind), each in parameters.items() if kind == "mix"}
    assert {each.name: each.weights.size for each in found} == plain | summed
    assert [each.first for each in found] == [True] + [False] * (len(found) - 1)
