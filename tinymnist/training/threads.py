"""torch's number of threads: set for a while, and then put back."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class _Blocks(threading.local):
    """The `torch_threads` blocks that this thread is in."""

    depth = 0


_here = _Blocks()
_lock = threading.Lock()
_everywhere = 0
"""Threads that are in such a block."""
_outside = 1
"""torch's number outside of all blocks, while there are any."""


@contextmanager
def torch_threads(count: int | None) -> Iterator[None]:
    """Lets torch compute on `count` threads here; None: on as many as before.

    torch keeps this number for each thread, and a new thread begins with the number that was set last, which may be the
    one of a training in another thread. So the number outside of all blocks is remembered, and holds there.
    """
    before = _enter()
    try:
        torch.set_num_threads(before if count is None else count)
        yield
    finally:
        _leave()
        torch.set_num_threads(before)


def _enter() -> int:
    """Returns the number to put back."""
    global _everywhere, _outside
    _here.depth += 1
    if _here.depth > 1:
        return torch.get_num_threads()
    with _lock:
        if not _everywhere:
            _outside = torch.get_num_threads()
        _everywhere += 1
        return _outside


def _leave() -> None:
    global _everywhere
    _here.depth -= 1
    if not _here.depth:
        with _lock:
            _everywhere -= 1
