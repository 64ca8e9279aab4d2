"""A model that trains and scores in C. The `nn.Sequential` stays the model: its tensors are used in place."""

import ctypes
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from torch import Tensor, nn

from tinymnist.data.warp import BorderMode, Interpolation, Warps
from tinymnist.native.compiler import Compiler, find_compiler, load_library
from tinymnist.native.graph import Graph, graph_of
from tinymnist.native.source import c_source
from tinymnist.spec import Spec

__all__ = ["NativeNetwork", "Totals"]


@dataclass(slots=True)
class Totals:
    """Sums over images."""

    loss: float = 0.0
    correct: int = 0


class NativeNetwork:
    """A network of `spec` for batches of up to `batch_size` images, on `threads` threads.

    Images are uint8 (n, H, W) or (n, C, H, W); a pixel p counts as `p * scale + shift`. Gradients are written to the
    parameters' `grad`, running statistics to the model's buffers. The same bits come out whatever the threads.

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
        shape = (spec.input.channels, spec.input.height, spec.input.width)
        self._graph = graph_of(model, shape, spec.classes)
        self._library = load_library(c_source(self._graph, compiler.lanes), compiler, cache)
        self._scale, self._shift, self._batch_size = ctypes.c_float(scale), ctypes.c_float(shift), batch_size
        self._declare()
        for parameter in self._graph.parameters:
            parameter.grad = torch.zeros_like(parameter)
        self._tensors = self._tensors_of(self._graph)
        self._handle = self._open(batch_size, threads)
        self._closer = weakref.finalize(self, self._library.tm_close, self._handle)

    def close(self) -> None:
        """Ends the threads and gives the memory back."""
        self._closer()

    def step(self, images: Tensor, labels: Tensor, seed: int, logits: Tensor | None = None) -> Totals:
        """Forward and backward of one batch; `seed` decides the dropout. Returns the sums over its images."""
        assert 0 < len(images) == len(labels) <= self._batch_size
        loss, correct = ctypes.c_double(), ctypes.c_int64()
        self._library.tm_step(
            self._handle,
            *self._batch(images, labels),
            ctypes.c_uint32(seed),
            _address(logits),
            ctypes.byref(loss),
            ctypes.byref(correct),
        )
        return Totals(loss.value, correct.value)

    def score(self, images: Tensor, labels: Tensor, logits: Tensor | None = None) -> tuple[Totals, Tensor]:
        """Scores any number of images in inference. Returns the sums over them and the predictions (n,) int64."""
        loss, correct, predictions = ctypes.c_double(), ctypes.c_int64(), torch.empty(len(images), dtype=torch.int64)
        failed = self._library.tm_score(
            self._handle,
            *self._batch(images, labels),
            _address(predictions),
            _address(logits),
            ctypes.byref(loss),
            ctypes.byref(correct),
        )
        if failed:
            raise MemoryError
        return Totals(loss.value, correct.value), predictions

    def warp(self, images: Tensor, warps: Warps) -> Tensor:
        """Images (n, H, W) uint8, resampled as `tinymnist.data.warp.warp` does, bit for bit."""
        n, height, width = images.shape
        assert images.is_contiguous()
        warped = torch.empty_like(images)
        applied = np.ascontiguousarray(warps.applied, dtype=np.uint8)
        inverse = np.ascontiguousarray(warps.inverse, dtype=np.float64)
        assert (applied.shape, inverse.shape) == ((n,), (n, 2, 3))
        self._library.tm_warp_batch(
            self._handle,
            _address(images),
            _address(warped),
            ctypes.c_int64(n),
            *map(ctypes.c_int, (height, width)),
            ctypes.c_void_p(applied.ctypes.data),
            ctypes.c_void_p(inverse.ctypes.data),
            *map(ctypes.c_int, (get_args(Interpolation).index(warps.interpolation),)),
            *map(ctypes.c_int, (get_args(BorderMode).index(warps.border_mode), warps.fill)),
        )
        return warped

    def _batch(self, images: Tensor, labels: Tensor) -> tuple[object, ...]:
        assert (images.dtype, labels.dtype) == (torch.uint8, torch.int64)
        assert all(tensor.is_contiguous() for tensor in (images, labels))
        return _address(images), _address(labels), ctypes.c_int64(len(labels)), self._scale, self._shift

    def _declare(self) -> None:
        self._library.tm_open.restype = ctypes.c_void_p
        self._library.tm_close.argtypes = [ctypes.c_void_p]
        self._library.tm_close.restype = None
        self._library.tm_step.restype = self._library.tm_warp_batch.restype = None
        self._library.tm_score.restype = ctypes.c_int

    @staticmethod
    def _tensors_of(graph: Graph) -> list[list[Tensor]]:
        """What the library reads and writes: parameters, gradients, and by batch norm mean, variance and counter."""
        gradients = [parameter.grad for parameter in graph.parameters if parameter.grad is not None]
        buffers: list[list[Tensor]] = [[], [], []]
        for norm in graph.norms:
            for kept, buffer in zip(
                buffers, (norm.running_mean, norm.running_var, norm.num_batches_tracked), strict=True
            ):
                assert buffer is not None
                kept.append(buffer)
        return [graph.parameters, gradients, *buffers]

    def _open(self, batch_size: int, threads: int) -> ctypes.c_void_p:
        assert all(tensor.is_contiguous() and tensor.is_cpu for tensors in self._tensors for tensor in tensors)
        parameters, gradients, means, variances, counters = map(_pointers, self._tensors)
        handle = self._library.tm_open(
            ctypes.c_int(threads),
            ctypes.c_int64(batch_size),
            parameters,
            gradients,
            ctypes.c_int(len(self._graph.norms)),
            means,
            variances,
            counters,
        )
        if not handle:
            raise MemoryError
        return ctypes.c_void_p(handle)


def _address(tensor: Tensor | None) -> ctypes.c_void_p:
    return ctypes.c_void_p(None if tensor is None else tensor.data_ptr())


def _pointers(tensors: Sequence[Tensor]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * max(len(tensors), 1))(*(tensor.data_ptr() for tensor in tensors))
