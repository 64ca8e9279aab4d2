"""An exponential moving average of the weights, and batch norm statistics that belong to it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from tinymnist.data import Split
from tinymnist.spec.recipe import Train
from tinymnist.training.engine import Engine


class Average:
    """The average of a model's weights over the steps of a training.

    Where (1 + t) / (10 + t) is less than `decay`, step t (from 0) keeps that share of the average, so that the first
    weights are soon forgotten.
    """

    def __init__(self, model: nn.Module, recipe: Train, seen: Split) -> None:
        assert recipe.ema is not None
        self._model = model
        self._options = recipe.ema
        self._batch_size = recipe.batch_size
        self._seen = Split(seen.images[: recipe.ema.images], seen.labels[: recipe.ema.images])
        self._parameters = [parameter.detach() for parameter in model.parameters()]
        self._weights = [parameter.clone() for parameter in self._parameters]

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The averages, by the names of their parameters."""
        names = [name for name, _ in self._model.named_parameters()]
        return dict(zip(names, self._weights, strict=True))

    def follow(self, step: int, engine: Engine) -> None:
        """Takes the weights after step `step`, counted from 0 over the whole training, into the average."""
        decay = min(self._options.decay, (1 + step) / (10 + step))
        engine.average(self._weights, self._parameters, 1 - decay)

    @contextmanager
    def in_place(self, engine: Engine) -> Iterator[None]:
        """Puts the average into the model, with batch norm statistics measured for it, and restores all afterwards."""
        kept = [tensor.clone() for tensor in (*self._parameters, *self._model.buffers())]
        _copy(self._weights, self._parameters)
        measure_norms(self._model, engine, self._seen, self._batch_size)
        try:
            yield
        finally:
            _copy(kept, [*self._parameters, *self._model.buffers()])


def measure_norms(model: nn.Module, engine: Engine, split: Split, batch_size: int) -> None:
    """Sets the running statistics of every batch norm to their means over the batches of `split`. An incomplete last
    batch is left out."""
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    sums: list[Tensor] = [torch.zeros_like(buffer) for norm in norms for buffer in _statistics(norm)]
    batches = list(zip(split.images.split(batch_size), split.labels.split(batch_size), strict=True))
    batches = batches[: max(1, len(split) // batch_size)]
    for images, labels in batches:
        for norm in norms:
            for buffer in _statistics(norm):
                buffer.zero_()
        engine.pass_over(images, labels)  # afterwards a buffer holds momentum times the batch's own statistics
        for total, (norm, index) in zip(sums, [(norm, index) for norm in norms for index in (0, 1)], strict=True):
            assert norm.momentum is not None
            total += _statistics(norm)[index] / (norm.momentum * len(batches))
    _copy(sums, [buffer for norm in norms for buffer in _statistics(norm)])


def _statistics(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    return norm.running_mean, norm.running_var


def _copy(sources: list[Tensor], targets: list[Tensor]) -> None:
    for source, target in zip(sources, targets, strict=True):
        target.copy_(source)
