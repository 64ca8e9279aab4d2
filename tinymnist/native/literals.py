"""How a number of the spec stands in the C text, which is compiled and run: checked once more."""

from math import isfinite

from tinymnist.native.graph import NotCoveredError


def finite(value: float) -> float:
    """`value` itself. Raises `NotCoveredError` for anything but a finite number."""
    if type(value) not in (int, float) or not isfinite(value):
        raise NotCoveredError(f"a value of a layer is no finite number, but {type(value).__name__}")
    return float(value)


def real(value: float) -> str:
    """`value` as a C float: `0.05f`. Raises as `finite` does."""
    return f"{finite(value)!r}f"
