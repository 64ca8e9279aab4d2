"""The elementary functions: right to a few units in the last place, and random numbers of the right kind."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from tinymnist.numerics import cosine, exponential, logarithm, normal, sine_and_cosine, softmax, uniform

ULP = 2.0**-52


@given(st.floats(-708, 709))
def test_the_exponential(x: float) -> None:
    assert float(exponential(x)) == pytest.approx(math.exp(x), rel=2 * ULP)


@pytest.mark.parametrize(("x", "expected"), [(0.0, 1.0), (-1e300, 0.0), (-math.inf, 0.0), (math.nan, math.nan)])
def test_the_exponential_at_its_ends(x: float, expected: float) -> None:
    assert float(exponential(x)) == pytest.approx(expected, nan_ok=True, rel=0)


@given(st.floats(1e-300, 1e300))
def test_the_logarithm(x: float) -> None:
    assert float(logarithm(x)) == pytest.approx(math.log(x), rel=3 * ULP, abs=0)


@given(st.floats(-100_000, 100_000))
def test_sine_and_cosine(x: float) -> None:
    sine, other = sine_and_cosine(x)
    assert (float(sine), float(other)) == pytest.approx((math.sin(x), math.cos(x)), rel=0, abs=2 * ULP)
    assert cosine(x) == float(other)


def test_whole_arrays_give_what_single_numbers_give() -> None:
    x = np.linspace(-9, 9, 1000).reshape(10, 100)
    for function in (exponential, lambda values: sine_and_cosine(values)[0], lambda values: logarithm(values + 10)):
        assert np.array_equal(function(x).ravel(), [float(function(one)) for one in x.ravel()])


def test_softmax_gives_probabilities() -> None:
    logits = np.array([[1.0, 2.0, 3.0], [-1000.0, 0.0, 1000.0]])
    powers = np.exp([0, 1, 2])
    np.testing.assert_allclose(softmax(logits), [powers / powers.sum(), [0, 0, 1]], rtol=1e-15)


def test_uniform_numbers_are_those_of_splitmix64() -> None:
    """The first outputs for the seed 1234567, as in the tests of Vigna's and others' implementations."""
    outputs = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert uniform(1234567, 3).tolist() == [(output >> 11) * 2.0**-53 for output in outputs]


def test_uniform_and_normal_numbers_are_distributed_as_they_say() -> None:
    assert kstest(uniform(1, 100_000), "uniform").pvalue > 0.001
    assert kstest(normal(1, 100_000), "norm").pvalue > 0.001
    assert abs(np.corrcoef(uniform(1, 100_000), uniform(2, 100_000))[0, 1]) < 0.015


def test_a_shape_only_arranges_the_numbers() -> None:
    assert np.array_equal(uniform(7, 3, 5).ravel(), uniform(7, 15))
    assert uniform(7, 0).shape == (0,)
