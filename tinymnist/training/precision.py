"""The precision of convolutions on a GPU."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_lock = threading.Lock()
_users = 0
_before = True


@contextmanager
def float32_convolutions() -> Iterator[None]:
    """Lets convolutions on a GPU multiply in float32. PyTorch's default for them is TF32, which keeps 10 bits of each
    factor. The setting is the process's, so that of several threads the last one puts it back."""
    global _users, _before
    with _lock:
        if not _users:
            _before = torch.backends.cudnn.allow_tf32
            torch.backends.cudnn.allow_tf32 = False
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                torch.backends.cudnn.allow_tf32 = _before
