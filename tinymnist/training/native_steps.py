"""Steps of PyTorch's optimizers and of averages, taken in C."""

from collections.abc import Callable
from math import sqrt
from typing import Any

import torch
from torch import Tensor

from tinymnist.native import NativeNetwork, Slot
from tinymnist.numerics import exponential, logarithm
from tinymnist.training.optimizer import Optimizer


def step_of(optimizer: Optimizer, network: NativeNetwork) -> Callable[[], None]:
    """What takes a step of `optimizer`: C where it can, which keeps the optimizer's state as PyTorch does."""
    if isinstance(optimizer, torch.optim.SGD):
        return lambda: _sgd(optimizer, network)
    if isinstance(optimizer, torch.optim.Adam):
        return lambda: _adam(optimizer, network)
    return optimizer.step


def _sgd(optimizer: torch.optim.SGD, network: NativeNetwork) -> None:
    group = optimizer.param_groups[0]
    slots = []
    for parameter, decay in _parameters(optimizer):
        momenta = _kept(optimizer, parameter, "momentum_buffer") if group["momentum"] else None
        slots.append(Slot(parameter, parameter.grad, momenta, decay=decay))
    network.sgd(slots, group["lr"], group["momentum"], nesterov=group["nesterov"])


def _adam(optimizer: torch.optim.Adam, network: NativeNetwork) -> None:
    group = optimizer.param_groups[0]
    beta1, beta2 = group["betas"]
    slots, steps = [], 1.0
    for parameter, decay in _parameters(optimizer):
        state = optimizer.state[parameter]
        steps = float(state.get("step", 0.0)) + 1
        state["step"] = torch.tensor(steps)
        mean, square = (_kept(optimizer, parameter, name) for name in ("exp_avg", "exp_avg_sq"))
        slots.append(Slot(parameter, parameter.grad, mean, square, decay))
    network.adam(
        slots,
        group["lr"],
        (beta1, beta2),
        (_left_of_zero(beta1, steps), sqrt(_left_of_zero(beta2, steps))),
        group["eps"],
        decoupled=isinstance(optimizer, torch.optim.AdamW),
    )


def _parameters(optimizer: torch.optim.Optimizer) -> list[tuple[Tensor, float]]:
    """Each parameter and its weight decay."""
    return [(parameter, group["weight_decay"]) for group in optimizer.param_groups for parameter in group["params"]]


def _kept(optimizer: torch.optim.Optimizer, parameter: Tensor, name: str) -> Tensor:
    state: dict[str, Any] = optimizer.state[parameter]
    if name not in state:
        state[name] = torch.zeros_like(parameter)
    kept: Tensor = state[name]
    return kept


def _left_of_zero(beta: float, steps: float) -> float:
    """1 - beta^steps: what an average that began with 0 has taken in."""
    return 1 - float(exponential(steps * float(logarithm(beta)))) if beta else 1.0
