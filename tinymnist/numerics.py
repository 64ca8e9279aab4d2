"""Elementary functions and random numbers that have the same bits on every machine.

Those of libm, NumPy and PyTorch differ in the last bit from one processor or version to the next. These consist of
sums, products and quotients of float64 and of whole numbers, which IEEE 754 and arithmetic leave no choice. Functions
take numbers and arrays alike unless said otherwise, and give float64; their errors are a few units in the last place.
"""

from math import factorial
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

PORTABLE = "portable-1"
"""The name of everything that decides a bit of a training which is to come out alike on every machine: it changes with
the bits."""

Floats = NDArray[np.float64]

_LN2 = (float.fromhex("0x1.62e42feep-1"), float.fromhex("0x1.a39ef35793c76p-33"))
_HALF_PI = (float.fromhex("0x1.921fb544p+0"), float.fromhex("0x1.0b4611a626331p-34"))
"""ln 2 and pi / 2 in two parts, the first so short that small multiples of it are exact (Cody and Waite 1980)."""


_EXPONENTIAL = [1 / factorial(k) for k in range(14)]
_SINE = [(-1) ** k / factorial(2 * k + 1) for k in range(9)]
_COSINE = [(-1) ** k / factorial(2 * k) for k in range(10)]
_TANGENT = [1 / (2 * k + 1) for k in range(12)]
"""Coefficients of Taylor series: the last is the inverse hyperbolic tangent's. Odd and even functions have them in the
square."""


def exponential(x: ArrayLike) -> Floats:
    """e to the power of x, by 2^n e^r with |r| <= ln(2) / 2 and the Taylor series of e^r; 0 below -708."""
    x = np.asarray(x, np.float64)
    clipped = np.clip(x, -708.0, 709.0)
    n = np.rint(clipped / (_LN2[0] + _LN2[1]))
    r = (clipped - n * _LN2[0]) - n * _LN2[1]
    power: Floats = np.ldexp(_polynomial(r, _EXPONENTIAL), np.nan_to_num(n).astype(np.int64))
    result: Floats = power * (x >= -708.0)
    return result


def logarithm(x: ArrayLike) -> Floats:
    """The natural logarithm of x > 0: of m in m 2^n, with m from 1 / sqrt(2) to sqrt(2), by the series of the inverse
    hyperbolic tangent of (m - 1) / (m + 1)."""
    m, n = np.frexp(np.asarray(x, np.float64))
    small = m < np.sqrt(0.5)
    m, n = np.where(small, 2 * m, m), np.where(small, n - 1, n)
    s = (m - 1) / (m + 1)
    series = 2 * s * _polynomial(s * s, _TANGENT)
    result: Floats = n * _LN2[0] + (n * _LN2[1] + series)
    return result


def sine_and_cosine(x: ArrayLike) -> tuple[Floats, Floats]:
    """The sine and cosine of x, in radians, from the Taylor series on the nearest multiple of pi / 2. |x| is at most
    10^5."""
    x = np.asarray(x, np.float64)
    quarters = np.rint(x / (_HALF_PI[0] + _HALF_PI[1]))
    sine, cosine = _near_zero((x - quarters * _HALF_PI[0]) - quarters * _HALF_PI[1])
    odd, quarter = quarters % 2 == 1, quarters % 4
    signs = np.where(quarter >= 2, -1.0, 1.0), np.where((quarter == 1) | (quarter == 2), -1.0, 1.0)
    return signs[0] * np.where(odd, cosine, sine), signs[1] * np.where(odd, sine, cosine)


def cosine(x: float) -> float:
    """The cosine of one number, which takes a tenth of the time."""
    quarters = round(x / (_HALF_PI[0] + _HALF_PI[1]))
    sine, cosine = _near_zero((x - quarters * _HALF_PI[0]) - quarters * _HALF_PI[1])
    return (cosine, -sine, -cosine, sine)[quarters % 4]


def softmax(logits: Floats) -> Floats:
    """Probabilities (n, classes) from logits (n, classes)."""
    powers = exponential(logits - logits.max(axis=1, keepdims=True))
    total = np.zeros(len(powers))
    for column in powers.T:  # in this order; NumPy's own sum has an order for each processor
        total = total + column
    result: Floats = powers / total[:, None]
    return result


def uniform(seed: int, *shape: int) -> Floats:
    """Numbers of 53 bits from 0 to below 1, in an array of this shape: SplitMix64 (Steele, Lea and Flood 2014) from the
    state `seed`."""
    with np.errstate(over="ignore"):
        count = np.arange(1, np.prod(shape, dtype=np.int64) + 1, dtype=np.uint64)
        z = np.uint64(seed) + count * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    result: Floats = ((z ^ (z >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return result.reshape(shape)


def normal(seed: int, *shape: int) -> Floats:
    """Numbers of mean 0 and variance 1, normally distributed, in an array of this shape (Box and Muller 1958)."""
    radius, angle = uniform(seed, 2, *shape)
    return np.sqrt(-2 * logarithm(1 - radius)) * sine_and_cosine(2 * np.pi * angle)[1]


Real = TypeVar("Real", float, Floats)


def _near_zero(x: Real) -> tuple[Real, Real]:
    """The sine and cosine where |x| <= pi / 4."""
    square = x * x
    return x * _polynomial(square, _SINE), _polynomial(square, _COSINE)


def _polynomial(x: Real, coefficients: list[float]) -> Real:
    """The sum of coefficient k times x to the power of k, by Horner's rule."""
    total = x * coefficients[-1]
    for coefficient in reversed(coefficients[1:-1]):
        total = (total + coefficient) * x
    return total + coefficients[0]
