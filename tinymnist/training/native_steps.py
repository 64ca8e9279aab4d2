"""Steps of PyTorch's optimizers, taken in C."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from math import sqrt
from typing import Any

import torch
from torch import Tensor

from tinymnist.native import NativeNetwork, Slot, Slots
from tinymnist.numerics import exponential, logarithm
from tinymnist.training.optimizer import Optimizer


def step_of(optimizer: Optimizer, network: NativeNetwork) -> Callable[[], None]:
    """What takes a step of `optimizer`: C where it can, which keeps the optimizer's state as PyTorch does."""
    if isinstance(optimizer, torch.optim.SGD):
        return _Sgd(optimizer, network).step
    if isinstance(optimizer, torch.optim.Adam):
        return _Adam(optimizer, network).step
    return optimizer.step


class _InC(ABC):
    """Steps of one optimizer. Its state is prepared at the first step, and again after one was loaded."""

    def __init__(self, optimizer: torch.optim.Optimizer, network: NativeNetwork) -> None:
        self._optimizer, self._network = optimizer, network
        self._slots: Slots | None = None
        optimizer.register_load_state_dict_post_hook(self._forget)

    def _forget(self, optimizer: torch.optim.Optimizer) -> None:
        self._slots = None

    def step(self) -> None:
        if self._slots is None:
            self._slots = Slots(
                [
                    self._slot(parameter, group["weight_decay"])
                    for group in self._optimizer.param_groups
                    for parameter in group["params"]
                ]
            )
        self._take(self._slots, self._optimizer.param_groups[0])

    @abstractmethod
    def _slot(self, parameter: Tensor, decay: float) -> Slot: ...

    @abstractmethod
    def _take(self, slots: Slots, group: dict[str, Any]) -> None: ...

    def _kept(self, parameter: Tensor, name: str) -> Tensor:
        """What the optimizer remembers of the parameter under this name; at first 0."""
        kept: Tensor = self._optimizer.state[parameter].setdefault(name, torch.zeros_like(parameter))
        return kept


class _Sgd(_InC):
    def _slot(self, parameter: Tensor, decay: float) -> Slot:
        has_momentum = self._optimizer.defaults["momentum"] > 0
        momenta = self._kept(parameter, "momentum_buffer") if has_momentum else None
        return Slot(parameter, parameter.grad, momenta, decay=decay)

    def _take(self, slots: Slots, group: dict[str, Any]) -> None:
        self._network.sgd(slots, group["lr"], group["momentum"], nesterov=group["nesterov"])


class _Adam(_InC):
    def _slot(self, parameter: Tensor, decay: float) -> Slot:
        state = self._optimizer.state[parameter]
        state.setdefault("step", torch.zeros(()))
        means, squares = (self._kept(parameter, name) for name in ("exp_avg", "exp_avg_sq"))
        return Slot(parameter, parameter.grad, means, squares, decay)

    def _take(self, slots: Slots, group: dict[str, Any]) -> None:
        steps = 0.0
        for state in self._optimizer.state.values():
            state["step"] += 1
            steps = float(state["step"])
        beta1, beta2 = group["betas"]
        corrections = _taken_in(beta1, steps), sqrt(_taken_in(beta2, steps))
        decoupled = isinstance(self._optimizer, torch.optim.AdamW)
        self._network.adam(slots, group["lr"], (beta1, beta2), corrections, group["eps"], decoupled=decoupled)


def _taken_in(beta: float, steps: float) -> float:
    """1 - beta^steps: the share that an average which began with 0 has taken in."""
    return 1 - float(exponential(steps * float(logarithm(beta)))) if beta else 1.0
