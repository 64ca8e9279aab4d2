"""How a number of the spec stands in the C text."""

from math import isfinite

from tinymnist.native.graph import NotCoveredError


def real(value: float) -> str:
    """A C float: `0.05f`. Raises `NotCoveredError` for anything but a finite number, since what stands in the text is
    compiled and run."""
    if type(value) not in (int, float) or not isfinite(value):
        raise NotCoveredError(f"a value of a layer is no finite number: {type(value).__name__}")
    return f"{float(value)!r}f"
