"""Numbers of the spec as C text. The text is compiled and run, so each number is checked here once more."""

from math import isfinite

from tinymnist.native.errors import NotCoveredError


def finite(value: object) -> float:
    """`value` as a float. Raises `NotCoveredError` for anything but a finite number."""
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
        return float(value)
    raise NotCoveredError(f"a value of a layer is not a finite number, but {type(value).__name__}")


def real(value: float) -> str:
    """`value` as a C float: `0.05f`. Raises as `finite` does."""
    return f"{finite(value)!r}f"
