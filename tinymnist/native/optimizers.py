"""Steps of optimizers in C, for all parameters at once: faster than PyTorch's, and the same on every machine."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Slot:
    """A parameter, its gradient, and what belongs to it: momenta or averages, and Adam's means of squares. All are
    float32, contiguous, of the same shape, and on the CPU."""

    values: Tensor
    gradient: Tensor | None
    first: Tensor | None = None
    second: Tensor | None = None
    decay: float = 0.0


class _Slot(ctypes.Structure):
    """`struct parameter` in `csrc/optimizers.h`."""

    _fields_ = (
        ("size", ctypes.c_int64),
        ("values", ctypes.c_void_p),
        ("gradients", ctypes.c_void_p),
        ("first", ctypes.c_void_p),
        ("second", ctypes.c_void_p),
        ("decay", ctypes.c_float),
    )


def declare(library: ctypes.CDLL) -> None:
    """Declares the signatures in `csrc/optimizers.h`."""
    slots, real = (ctypes.c_int, ctypes.c_void_p), ctypes.c_float
    library.tm_sgd.argtypes = (*slots, real, real, ctypes.c_int)
    library.tm_adam.argtypes = (*slots, *8 * (real,), ctypes.c_int)
    library.tm_average.argtypes = (*slots, real)
    library.tm_sgd.restype = library.tm_adam.restype = library.tm_average.restype = None


class Slots:
    """Parameters as C takes them: `arguments` are their number and their table. Made once, since that takes longer than
    a step; the tensors stay where they are as long as this lives."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        self.slots = tuple(slots)
        table = (_Slot * len(slots))()
        for place, slot in zip(table, slots, strict=True):
            place.size, place.values, place.decay = slot.values.numel(), slot.values.data_ptr(), slot.decay
            place.gradients, place.first, place.second = map(_address, (slot.gradient, slot.first, slot.second))
        self.arguments = len(slots), table


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()
