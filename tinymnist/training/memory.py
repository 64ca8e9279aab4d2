"""Memory: kept from the system for the next step, and missed in one clear line."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from tinymnist.errors import DataError

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_ONE_GIB = 1 << 30


def keep_memory() -> None:
    """Tells glibc to keep freed memory for the next use.

    By default it maps every large tensor anew and unmaps it afterwards, so that each step pays thousands of page
    faults. Does nothing where there is no glibc.
    """
    if sys.platform != "linux":
        return
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_M_MMAP_THRESHOLD, _ONE_GIB)
        libc.mallopt(_M_TRIM_THRESHOLD, _ONE_GIB)
    except (OSError, AttributeError):  # another libc: nothing to tell it
        return


@contextmanager
def enough_memory() -> Iterator[None]:
    """Raises `DataError` where the memory does not suffice."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error):
            raise DataError("not enough memory for a step: choose a smaller --batch-size or network") from None
        raise
