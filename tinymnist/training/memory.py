"""Keeping glibc from giving memory back."""

import ctypes
import sys

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
