"""Memory: kept for the next step, and checked before and while it is used."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod

import torch

from tinymnist.errors import TooLargeError
from tinymnist.machine import memory_of_machine
from tinymnist.spec import Spec
from tinymnist.spec.plan import FLOAT_BYTES
from tinymnist.training.score import BATCH_SIZE

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_ONE_GIB = 1 << 30
_FULL = (
    "can't allocate memory",
    "CUDA error: out of memory",
)  # PyTorch's words in errors that have no type of their own


def keep_memory() -> None:
    """Tells glibc to keep freed memory for the next use.

    By default glibc maps and unmaps memory for every large tensor, which costs thousands of page faults per step. Does
    nothing where there is no glibc.
    """
    if sys.platform != "linux":
        return
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_M_MMAP_THRESHOLD, _ONE_GIB)
        libc.mallopt(_M_TRIM_THRESHOLD, _ONE_GIB)
    except (OSError, AttributeError):  # another libc
        return


def refuse_too_large(spec: Spec, batch: int = 0) -> None:
    """Raises `TooLargeError` where this machine has not enough memory to score with PyTorch, or to train with batches
    of `batch` images. It is raised before anything is allocated: Linux promises more memory than it has, and then ends
    the process.

    The estimate is a lower bound: the outputs of convolutions and linear layers, which the backward pass reads again,
    or the largest layer when `BATCH_SIZE` images are scored.
    """
    plan = spec.plan
    kept = sum(prod(layer.output) for layer in plan.layers if layer.kind in ("conv", "linear"))
    needed = max(FLOAT_BYTES * (batch * kept + 3 * plan.parameters), BATCH_SIZE * plan.peak_activation_bytes)
    limit = memory_of_machine()
    if needed > limit:
        raise TooLargeError(
            f"{spec.name}: not enough memory: batches of {max(batch, BATCH_SIZE):,} images need "
            f"{needed / _ONE_GIB:.1f} GiB at least, there are {limit / _ONE_GIB:.1f}: choose a smaller network or "
            "--batch-size"
        )


@contextmanager
def enough_memory() -> Iterator[None]:
    """Turns a failed allocation, on the CPU or a GPU, into a `TooLargeError`."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError | torch.OutOfMemoryError) or any(words in str(error) for words in _FULL):
            raise TooLargeError(
                "not enough memory for a step: choose a smaller --batch-size or network, or fewer --jobs"
            ) from None
        raise
