"""Python's warning filters, which belong to the whole process: changed by one thread at a time, and put back."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.RLock()


@contextmanager
def own_warning_filters() -> Iterator[None]:
    """What the block does to the filters of `warnings` is undone at its end."""
    with _lock, warnings.catch_warnings():
        yield
