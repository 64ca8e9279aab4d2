"""What computes a training: PyTorch, or C generated for the network."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from tinymnist.data import Split
from tinymnist.data.warp import Warps, maps_of_all, resampled, warp
from tinymnist.errors import UsageError
from tinymnist.model.basis import Conv2d
from tinymnist.model.generator import drawing
from tinymnist.model.loss import objective_loss, objective_of
from tinymnist.model.pixels import normalized
from tinymnist.native import CompilerError, NativeNetwork, NotCoveredError, Slot, Slots
from tinymnist.notices import CudaGraphUnavailable, NativeEngineUnavailable, Warn
from tinymnist.quantization.rounding import Rounding
from tinymnist.spec import Spec
from tinymnist.spec.recipe import Train
from tinymnist.training.cuda_graphs import GraphedFunction
from tinymnist.training.memory import enough_memory, refuse_too_large
from tinymnist.training.native_steps import step_of
from tinymnist.training.optimizer import MuonAndSgd, Optimizer
from tinymnist.training.precision import exact_convolutions
from tinymnist.training.score import Score, score
from tinymnist.training.threads import torch_threads


class Engine(ABC):
    """Takes steps over batches of uint8 images (n, C, H, W) and labels (n,), and sums the loss and the right answers.

    Whatever the objective, the loss that is summed is the cross-entropy to the labels, so that recipes can be compared.
    """

    name: Literal["torch", "native"]
    threads: int
    """The CPU threads that it computes on."""
    own_numerics: tuple[str, ...] = ()
    """Why its bits are those of this machine, where they are."""

    @abstractmethod
    def step(
        self, images: Tensor, labels: Tensor, seed: int, teacher: Tensor | None = None, weights: Tensor | None = None
    ) -> None:
        """Forward and backward, then one step of the optimizer. `seed` decides the dropout; `teacher` (n, classes)
        holds a teacher's probabilities, `weights` (n,) float32 how much each image counts in the objective."""

    @abstractmethod
    def begin(self, loss_sum: float, correct: int) -> None:
        """Sets the sums that the next steps add to."""

    @abstractmethod
    def totals(self) -> tuple[float, int]:
        """The loss and the right answers, summed over the images since `begin`."""

    @abstractmethod
    def score(self, split: Split) -> Score:
        """Scores the model in evaluation mode."""

    @abstractmethod
    def pass_over(self, images: Tensor, labels: Tensor) -> None:
        """Puts a batch through the model in training mode. This changes running statistics, and gradients, which the
        next step overwrites."""

    @abstractmethod
    def average(self, averages: Sequence[Tensor], values: Sequence[Tensor], share: float) -> None:
        """Moves averages by `share` towards values, in place."""

    @abstractmethod
    def warp(self, images: Tensor, warps: Warps) -> Tensor:
        """Resamples images (n, H, W) uint8 under affine maps; every engine gives the same bits."""

    @abstractmethod
    def close(self) -> None:
        """Gives threads and memory back, and undoes the settings that the engine has changed."""


class TorchEngine(Engine):
    """PyTorch, on any device. Nothing is read from the device before `totals`.

    On a GPU, forward and backward are one CUDA graph, and an augmentation is another; the optimizer, whose learning
    rate and momentum change with every step, is one fused operation beside them. `warn` is called where a graph cannot
    be recorded. Until `close`, convolutions on a GPU are float32, give the same bits each time, and return the channels
    of a pixel side by side. With `rounding`, steps are taken with rounded numbers, on the CPU alone.
    """

    name = "torch"
    own_numerics = ("PyTorch",)

    def __init__(
        self,
        recipe: Train,
        model: nn.Module,
        optimizer: Optimizer,
        device: torch.device,
        warn: Warn,
        rounding: Rounding | None = None,
    ) -> None:
        self._rounding = rounding
        self._settings = ExitStack()
        self._settings.enter_context(exact_convolutions())
        self._model, self._optimizer, self._normalize, self._device = model, optimizer, recipe.normalize, device
        self._parameters = list(model.parameters())
        self._draws = any(isinstance(module, nn.Dropout | nn.Dropout2d) for module in model.modules())
        self._objective = objective_of(recipe)
        self.threads = torch.get_num_threads()
        real = torch.float32 if device.type == "mps" else torch.float64
        self._loss_sum = torch.zeros((), dtype=real, device=device)
        self._correct = torch.zeros((), dtype=torch.int64, device=device)
        self._warn = warn
        self._learn: Callable[..., list[Tensor | None]] = self._gradients
        if device.type == "cuda":
            for module in model.modules():
                if isinstance(module, Conv2d):
                    self._settings.callback(module.register_forward_hook(_channels_last).remove)
            self._learn = GraphedFunction(self._gradients, self._no_graph)
        self._resample: dict[object, GraphedFunction[Tensor]] = {}

    def step(
        self, images: Tensor, labels: Tensor, seed: int, teacher: Tensor | None = None, weights: Tensor | None = None
    ) -> None:
        self._model.train()
        with self._drawing(seed):
            gradients = self._learn(images, labels, teacher, weights)
        for parameter, gradient in zip(self._parameters, gradients, strict=True):
            parameter.grad = gradient
        self._optimizer.step()

    def _gradients(
        self, images: Tensor, labels: Tensor, teacher: Tensor | None, weights: Tensor | None
    ) -> list[Tensor | None]:
        """Forward and backward; returns the gradient of each parameter."""
        for parameter in self._parameters:
            parameter.grad = None
        with self._rounding.applied(images) if self._rounding else nullcontext():
            outputs = self._model(normalized(images, self._normalize, self._device))
            objective_loss(outputs, labels, teacher, self._objective, weights).backward()
        self._loss_sum += functional.cross_entropy(outputs.detach(), labels) * len(labels)
        self._correct += (outputs.detach().argmax(1) == labels).sum()
        return [parameter.grad for parameter in self._parameters]

    def _no_graph(self, problem: str) -> None:
        self._warn(CudaGraphUnavailable(problem))

    def begin(self, loss_sum: float, correct: int) -> None:
        self._loss_sum.fill_(loss_sum)
        self._correct.fill_(correct)

    def totals(self) -> tuple[float, int]:
        return float(self._loss_sum), int(self._correct)

    def score(self, split: Split) -> Score:
        return score(self._model, normalized(split.images, self._normalize, self._device), split.labels)

    @torch.no_grad()
    def pass_over(self, images: Tensor, labels: Tensor) -> None:
        self._model.train()
        with self._drawing(0):
            self._model(normalized(images, self._normalize, self._device))

    def _drawing(self, seed: int) -> AbstractContextManager[None]:
        """For networks without dropout, threads need not wait for each other."""
        return drawing(seed, self._device) if self._draws else nullcontext()

    def average(self, averages: Sequence[Tensor], values: Sequence[Tensor], share: float) -> None:
        torch._foreach_lerp_(list(averages), list(values), share)

    def warp(self, images: Tensor, warps: Warps) -> Tensor:
        if self._device.type != "cuda":
            return warp(images, warps)
        kind = (warps.interpolation, warps.border_mode, warps.fill)
        if kind not in self._resample:
            self._resample[kind] = GraphedFunction(lambda images, maps: resampled(images, maps, warps), self._no_graph)
        # The maps are in pageable memory, which the driver has read when `to` returns; for small ones it does not wait.
        return self._resample[kind](images, maps_of_all(warps).to(self._device, non_blocking=True))

    def close(self) -> None:
        # Graphs share a workspace with graphs that are recorded later, so they must not outlive their engine.
        self._learn = self._gradients
        self._resample.clear()
        self._settings.close()


def _channels_last(convolution: nn.Module, inputs: object, outputs: Tensor) -> Tensor:
    """The same outputs (n, C, H, W), laid out as (n, H, W, C). What follows keeps that layout, in which cuDNN's batch
    norm puts all multiprocessors to work; in the other, one for each channel."""
    return outputs.contiguous(memory_format=torch.channels_last)


class NativeEngine(Engine):
    """C compiled for the network, on the CPU. Muon's steps alone are PyTorch's.

    Raises `NotCoveredError`, `CompilerError` and `MemoryError`.
    """

    name = "native"

    def __init__(self, spec: Spec, model: nn.Sequential, optimizer: Optimizer, threads: int) -> None:
        recipe = spec.train
        scale, shift = recipe.normalize.scale_and_shift
        self._objective = objective_of(recipe)
        self.threads = threads
        self._network = NativeNetwork(
            spec, model, scale=scale, shift=shift, batch_size=recipe.batch_size, threads=threads
        )
        if not self._network.portable:
            self.own_numerics += ("a processor without fused multiply-add",)
        if isinstance(optimizer, MuonAndSgd):
            self.own_numerics += ("Muon in PyTorch",)
        self._averages: Slots | None = None
        self._descend = step_of(optimizer, self._network)
        self._settings = ExitStack()
        # torch's threads spin for a while after each small operation, on the same cores
        self._settings.enter_context(torch_threads(1))
        self.begin(0.0, 0)

    def step(
        self, images: Tensor, labels: Tensor, seed: int, teacher: Tensor | None = None, weights: Tensor | None = None
    ) -> None:
        totals = self._network.step(images, labels, seed, objective=self._objective, teacher=teacher, weights=weights)
        self._descend()
        self._loss_sum += totals.loss
        self._correct += totals.correct

    def begin(self, loss_sum: float, correct: int) -> None:
        self._loss_sum, self._correct = loss_sum, correct

    def totals(self) -> tuple[float, int]:
        return self._loss_sum, self._correct

    def score(self, split: Split) -> Score:
        totals, predictions = self._network.score(split.images, split.labels)
        return Score(totals.loss / len(split), predictions, totals.correct)

    def pass_over(self, images: Tensor, labels: Tensor) -> None:
        self._network.step(images, labels, 0)

    def average(self, averages: Sequence[Tensor], values: Sequence[Tensor], share: float) -> None:
        if self._averages is None or self._averages.slots[0].first is not averages[0]:
            pairs = zip(averages, values, strict=True)
            self._averages = Slots([Slot(value, None, average) for average, value in pairs])
        self._network.average(self._averages, share)

    def warp(self, images: Tensor, warps: Warps) -> Tensor:
        return self._network.warp(images, warps)

    def close(self) -> None:
        self._network.close()
        self._settings.close()


def choose_engine(
    name: str,
    spec: Spec,
    model: nn.Sequential,
    optimizer: Optimizer,
    device: torch.device,
    warn: Warn,
) -> Engine:
    """The engine that `torch`, `native` or `auto` means here; `warn` is called where the native one is unavailable.

    Raises `DataError` where there is not enough memory, `UsageError` for rounding on a GPU or of what has no form
    in whole numbers.
    """
    rounding = Rounding(spec, model, spec.train.quantize) if spec.train.quantize else None
    if rounding and device.type != "cpu":
        raise UsageError(f"--device {device.type}: `train.quantize` rounds on the CPU alone: use --device cpu")
    if name != "torch" and device.type == "cpu" and not rounding:
        try:
            with enough_memory():
                return NativeEngine(spec, model, optimizer, torch.get_num_threads())
        except (CompilerError, NotCoveredError) as problem:
            warn(NativeEngineUnavailable(str(problem)))
    if device.type == "cpu":
        refuse_too_large(spec, spec.train.batch_size)
    return TorchEngine(spec.train, model, optimizer, device, warn, rounding)
