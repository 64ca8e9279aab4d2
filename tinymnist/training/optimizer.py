"""torch's optimizers, made from a recipe; their state as named tensors."""

from typing import Any

import torch
from torch import Tensor, nn

from tinymnist.spec.recipe import Adam, Sgd
from tinymnist.training.schedule import Hyper


def make_optimizer(options: Sgd | Adam, model: nn.Module) -> torch.optim.Optimizer:
    """The optimizer over the model's parameters; `apply` sets its learning rate before each step."""
    parameters = list(model.parameters())
    fused = all(parameter.device.type in ("cpu", "cuda") for parameter in parameters)  # a quarter of the time
    groups: list[dict[str, Any]] = [{"params": parameters}]
    if not options.decay_norms_and_biases:
        groups = [
            {"params": [parameter for parameter in parameters if parameter.dim() > 1]},
            {"params": [parameter for parameter in parameters if parameter.dim() <= 1], "weight_decay": 0.0},
        ]
        groups = [group for group in groups if group["params"]]
    if isinstance(options, Sgd):
        return torch.optim.SGD(
            groups,
            lr=0.0,
            momentum=options.momentum,
            weight_decay=options.weight_decay,
            nesterov=options.nesterov,
            fused=fused,
        )
    kind = torch.optim.AdamW if options.name == "adamw" else torch.optim.Adam
    return kind(
        groups,
        lr=0.0,
        betas=(options.beta1, options.beta2),
        eps=options.eps,
        weight_decay=options.weight_decay,
        fused=fused,
    )


def apply(hyper: Hyper, optimizer: torch.optim.Optimizer) -> None:
    """Sets learning rate and momentum for the next step."""
    for group in optimizer.param_groups:
        group["lr"] = hyper.lr
        if "momentum" in group:
            group["momentum"] = hyper.momentum
        else:
            group["betas"] = (hyper.momentum, group["betas"][1])


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's state as tensors: `0.momentum_buffer` is that of its first parameter."""
    return {
        f"{index}.{key}": value
        for index, entries in optimizer.state_dict()["state"].items()
        for key, value in entries.items()
        if isinstance(value, Tensor)
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Puts back what `optimizer_tensors` gave."""
    state: dict[int, dict[str, Any]] = {}
    for name, tensor in tensors.items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
