"""CUDA graphs: a step of a tiny network is some hundred operations, each shorter than its launch, so that they are
recorded once and launched together."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

Result = TypeVar("Result")


class GraphedFunction(Generic[Result]):
    """A function of tensors on a GPU that is recorded as a CUDA graph for each set of shapes, and then replayed.

    An input may be None. The function must do the same operations whatever the tensors hold, must not read them on the
    CPU, and may change other tensors only in place. The next call with the same shapes overwrites its result. Random
    numbers are those of torch's generator at the time of a call. Where recording fails, `failed` is called with the
    reason, and the function is called without a graph from then on (PyTorch before 2.14 may not recover far enough
    where there is dropout).

    The method: NVIDIA, "CUDA Graphs", and PyTorch's notes on CUDA semantics, "Whole-network capture".
    """

    def __init__(self, function: Callable[..., Result], failed: Callable[[str], None]) -> None:
        self._function, self._failed = function, failed
        self._seen: set[object] = set()
        self._recordings: dict[object, _Recording[Result]] = {}
        self._broken = False

    def __call__(self, *inputs: Tensor | None) -> Result:
        key = tuple(None if tensor is None else (tensor.shape, tensor.dtype) for tensor in inputs)
        if key in self._seen and key not in self._recordings and not self._broken:
            self._try_to_record(key, inputs)
        if key not in self._recordings:
            self._seen.add(key)  # in the first call, libraries choose and load their kernels
            return self._function(*inputs)
        recording = self._recordings[key]
        for place, tensor in zip(recording.inputs, inputs, strict=True):
            if place is not None and tensor is not None:  # either both are, or neither
                place.copy_(tensor)
        recording.graph.replay()
        return recording.result

    def _try_to_record(self, key: object, inputs: tuple[Tensor | None, ...]) -> None:
        try:
            self._recordings[key] = self._record(inputs)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            self._broken = True
            self._failed(" ".join(str(error).split())[:120])

    def _record(self, inputs: tuple[Tensor | None, ...]) -> "_Recording[Result]":
        """Records the function's operations without executing them."""
        places = tuple(None if tensor is None else tensor.clone() for tensor in inputs)
        graph = torch.cuda.CUDAGraph()
        # The outer context restores this stream where recording fails; the inner one does not.
        with torch.cuda.stream(torch.cuda.current_stream()), torch.cuda.graph(graph):
            result = self._function(*places)
        return _Recording(graph, places, result)


@dataclass(frozen=True)
class _Recording(Generic[Result]):
    graph: torch.cuda.CUDAGraph
    inputs: tuple[Tensor | None, ...]
    """Where the graph reads its inputs."""
    result: Result
    """Where it writes its result."""
