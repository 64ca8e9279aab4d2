"""How a GPU computes convolutions: in float32, and the same bits each time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

WANTED = {"allow_tf32": False, "deterministic": True}
"""Settings of `torch.backends.cudnn`. PyTorch's defaults let convolutions multiply in TF32, which keeps 10 bits of each
factor, and let weight gradients be summed in an order that depends on which threads come first."""

_lock = threading.Lock()
_users = 0
_before: dict[str, bool] = {}


@contextmanager
def exact_convolutions() -> Iterator[None]:
    """Sets `WANTED`. The settings are the process's, so that of several threads the last one puts them back."""
    global _users, _before
    with _lock:
        if not _users:
            _before = {name: getattr(torch.backends.cudnn, name) for name in WANTED}
            _set(WANTED)
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                _set(_before)


def _set(settings: dict[str, bool]) -> None:
    for name, value in settings.items():
        setattr(torch.backends.cudnn, name, value)
