"""A model that trains and scores in C. The `nn.Sequential` stays the model: its tensors are used in place."""

import ctypes
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from torch import Tensor, nn

from tinymnist.data.warp import BorderMode, Interpolation, Warps
from tinymnist.machine import memory_of_machine
from tinymnist.model.loss import Objective
from tinymnist.native.compiler import Compiler, find_compiler, load_library
from tinymnist.native.graph import Graph
from tinymnist.native.optimizers import Slots, declare
from tinymnist.native.source import c_source
from tinymnist.native.tracing import graph_of
from tinymnist.spec import Spec

LABELS_ALONE = Objective()
"""Plain cross-entropy."""


@dataclass(slots=True)
class Totals:
    """Sums over images."""

    loss: float = 0.0
    correct: int = 0


class NativeNetwork:
    """A network of `spec` for batches of up to `batch_size` images, on `threads` threads.

    Images are uint8 (n, C, H, W); a pixel p counts as `p * scale + shift`. Gradients are written to the
    parameters' `grad`, running statistics to the model's buffers. The number of threads does not change a bit.

    Raises `NotCoveredError`, `CompilerError`, and `MemoryError`.
    """

    def __init__(
        self,
        spec: Spec,
        model: nn.Sequential,
        *,
        scale: float,
        shift: float,
        batch_size: int,
        threads: int,
        compiler: Compiler | None = None,
        cache: Path | None = None,
    ) -> None:
        compiler = compiler or find_compiler()
        self.portable = compiler.portable
        """Whether every other such machine computes the same bits."""
        self._graph = graph_of(spec.plan, model)
        self._library = load_library(c_source(self._graph, compiler.lanes), compiler, cache)
        self._scale, self._shift, self._batch_size = scale, shift, batch_size
        _declare(self._library)
        declare(self._library)
        for parameter in self._graph.parameters:
            parameter.grad = torch.zeros_like(parameter)
        self._tensors = self._tensors_of(self._graph)
        self._handle = self._open(batch_size, threads)
        self._closer = weakref.finalize(self, self._library.tm_close, self._handle)

    def close(self) -> None:
        """Ends the threads and frees the memory."""
        self._closer()

    def step(
        self,
        images: Tensor,
        labels: Tensor,
        seed: int,
        *,
        objective: Objective = LABELS_ALONE,
        teacher: Tensor | None = None,
        weights: Tensor | None = None,
        logits: Tensor | None = None,
    ) -> Totals:
        """Forward and backward of one batch: the gradients of the objective, for which `teacher` (n, classes) float32
        holds a teacher's probabilities, and `weights` (n,) float32 how much each image counts; `seed` decides the
        dropout. Returns the sums over its images."""
        assert 0 < len(images) == len(labels) <= self._batch_size
        loss, correct = ctypes.c_double(), ctypes.c_int64()
        weight = 0.0 if teacher is None else objective.weight
        relative = None if weights is None else weights / (fsum(weights.tolist()) / len(weights))
        taught = (objective.smoothing, weight, objective.temperature, _address(teacher), _address(relative))
        results = (_address(logits), ctypes.byref(loss), ctypes.byref(correct))
        self._library.tm_step(self._handle, *self._batch(images, labels), seed, *taught, *results)
        return Totals(loss.value, correct.value)

    def score(self, images: Tensor, labels: Tensor, logits: Tensor | None = None) -> tuple[Totals, Tensor]:
        """Scores any number of images in inference. Returns the sums over them and the predictions (n,) int64."""
        loss, correct, predictions = ctypes.c_double(), ctypes.c_int64(), torch.empty(len(images), dtype=torch.int64)
        results = (_address(predictions), _address(logits), ctypes.byref(loss), ctypes.byref(correct))
        if self._library.tm_score(self._handle, *self._batch(images, labels), *results):
            raise MemoryError
        return Totals(loss.value, correct.value), predictions

    def warp(self, images: Tensor, warps: Warps) -> Tensor:
        """Images (n, H, W) uint8, resampled as `tinymnist.data.warp.warp` does, bit for bit."""
        n, height, width = images.shape
        applied = np.ascontiguousarray(warps.applied, dtype=np.uint8)
        inverse = np.ascontiguousarray(warps.inverse, dtype=np.float64)
        assert images.is_contiguous()
        assert (applied.shape, inverse.shape) == ((n,), (n, 2, 3))
        warped = torch.empty_like(images)
        kind = (get_args(Interpolation).index(warps.interpolation), get_args(BorderMode).index(warps.border_mode))
        self._library.tm_warp_batch(
            self._handle,
            _address(images),
            _address(warped),
            n,
            height,
            width,
            applied.ctypes.data,
            inverse.ctypes.data,
            *kind,
            warps.fill,
        )
        return warped

    def sgd(self, slots: Slots, rate: float, momentum: float, *, nesterov: bool) -> None:
        """One step of SGD, with momenta in `first` unless there is no momentum."""
        self._library.tm_sgd(*slots.arguments, rate, momentum, nesterov)

    def adam(
        self,
        slots: Slots,
        rate: float,
        betas: tuple[float, float],
        corrections: tuple[float, float],
        eps: float,
        *,
        decoupled: bool,
    ) -> None:
        """One step of Adam, with means of gradients in `first` and of their squares in `second`. Means are divided by
        the first correction, roots of means of squares by the second."""
        each = (part for beta in betas for part in (beta, 1 - beta))
        self._library.tm_adam(*slots.arguments, rate / corrections[0], *each, corrections[1], eps, rate, decoupled)

    def average(self, slots: Slots, share: float) -> None:
        """Moves the averages in `first` by `share` towards the values."""
        self._library.tm_average(*slots.arguments, share)

    def _batch(self, images: Tensor, labels: Tensor) -> tuple[object, ...]:
        assert (images.dtype, labels.dtype) == (torch.uint8, torch.int64)
        assert all(tensor.is_contiguous() for tensor in (images, labels))
        return _address(images), _address(labels), len(labels), self._scale, self._shift

    @staticmethod
    def _tensors_of(graph: Graph) -> list[list[Tensor]]:
        """What the library reads and writes: parameters, gradients, and each batch norm's mean, variance, counter."""
        gradients = [parameter.grad for parameter in graph.parameters if parameter.grad is not None]
        buffers: list[list[Tensor]] = [[], [], []]
        for norm in graph.norms:
            three = (norm.running_mean, norm.running_var, norm.num_batches_tracked)
            for kept, buffer in zip(buffers, three, strict=True):
                assert buffer is not None
                kept.append(buffer)
        return [graph.parameters, gradients, *buffers]

    def _open(self, batch_size: int, threads: int) -> int:
        assert all(tensor.is_contiguous() and tensor.is_cpu for tensors in self._tensors for tensor in tensors)
        if self._library.tm_bytes(threads, batch_size) > memory_of_machine():
            raise MemoryError
        parameters, gradients, *buffers = map(_addresses, self._tensors)
        handle = self._library.tm_open(threads, batch_size, parameters, gradients, len(self._graph.norms), *buffers)
        if not handle:
            raise MemoryError
        return int(handle)


def _declare(library: ctypes.CDLL) -> None:
    """Declares the signatures in `csrc/network.h`."""
    pointer, long, integer, real = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int, ctypes.c_float
    batch = (pointer, pointer, pointer, long, real, real)
    library.tm_bytes.argtypes = (integer, long)
    library.tm_bytes.restype = ctypes.c_double
    library.tm_open.argtypes = (integer, long, pointer, pointer, integer, pointer, pointer, pointer)
    library.tm_open.restype = pointer
    library.tm_close.argtypes = [pointer]
    library.tm_step.argtypes = (*batch, ctypes.c_uint32, real, real, real, *5 * (pointer,))
    library.tm_score.argtypes = (*batch, pointer, pointer, pointer, pointer)
    library.tm_score.restype = integer
    images = (pointer, pointer, pointer, long, integer, integer)
    library.tm_warp_batch.argtypes = (*images, pointer, pointer, integer, integer, integer)
    library.tm_close.restype = library.tm_step.restype = library.tm_warp_batch.restype = None


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def _addresses(tensors: Sequence[Tensor]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * max(len(tensors), 1))(*(tensor.data_ptr() for tensor in tensors))
