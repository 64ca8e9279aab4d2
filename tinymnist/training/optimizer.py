"""PyTorch's optimizers, made from a recipe, and their state as named tensors."""

from typing import Any

import torch
from torch import Tensor, nn

from tinymnist.model.basis import Basis, Conv2d
from tinymnist.spec.recipe import Adam, Muon, Sgd
from tinymnist.training.schedule import Hyper


class MuonAndSgd:
    """Muon for the weights of convolutions and SGD for everything else, used like one optimizer.

    Muon takes matrices, so it is given views of the weights (outputs, inputs, height, width) as (outputs, rest).
    """

    def __init__(self, options: Muon, model: nn.Module) -> None:
        weights = {id(_filters_of(module)) for module in model.modules() if isinstance(module, Conv2d)}
        self._filters = [parameter for parameter in model.parameters() if id(parameter) in weights]
        self._rest = [parameter for parameter in model.parameters() if id(parameter) not in weights]
        self._views = [nn.Parameter(parameter.detach().view(len(parameter), -1)) for parameter in self._filters]
        shared: dict[str, Any] = {"lr": 0.0, "momentum": options.momentum, "weight_decay": options.weight_decay}
        shared["nesterov"] = options.momentum > 0
        self.parts: dict[str, torch.optim.Optimizer] = {}
        if self._views:
            self.parts["muon."] = torch.optim.Muon(self._views, **shared)
        if groups := _groups(self._rest, options.decay_norms_and_biases, model):
            self.parts["sgd."] = torch.optim.SGD(groups, **shared)
            for group in self.parts["sgd."].param_groups:
                group["lr_share"] = options.others

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return [group for part in self.parts.values() for group in part.param_groups]

    def step(self) -> None:
        for view, parameter in zip(self._views, self._filters, strict=True):
            assert parameter.grad is not None
            view.grad = parameter.grad.view(len(parameter), -1)
        for part in self.parts.values():
            part.step()


Optimizer = torch.optim.Optimizer | MuonAndSgd


def make_optimizer(options: Sgd | Adam | Muon, model: nn.Module) -> Optimizer:
    """The optimizer over the model's parameters; `apply` sets its learning rate before each step."""
    if isinstance(options, Muon):
        return MuonAndSgd(options, model)
    parameters = list(model.parameters())
    fused = all(parameter.device.type in ("cpu", "cuda") for parameter in parameters)  # takes a quarter of the time
    groups = _groups(parameters, options.decay_norms_and_biases, model)
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


def _filters_of(convolution: Conv2d) -> Tensor:
    """Its parameter with one entry per output: the weight, or what it is mixed of a basis with."""
    return convolution.weight if isinstance(convolution, nn.Conv2d) else convolution.mix


def _groups(parameters: list[nn.Parameter], decay_norms_and_biases: bool, model: nn.Module) -> list[dict[str, Any]]:
    """The parameters that decay, and those that do not. Bases never do: that would only move size into the mixes."""
    bases = {id(module.filters) for module in model.modules() if isinstance(module, Basis)}

    def decays(parameter: nn.Parameter) -> bool:
        return (decay_norms_and_biases or parameter.dim() > 1) and id(parameter) not in bases

    groups: list[dict[str, Any]] = [
        {"params": [parameter for parameter in parameters if decays(parameter)]},
        {"params": [parameter for parameter in parameters if not decays(parameter)], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def apply(hyper: Hyper, optimizer: Optimizer) -> None:
    """Sets learning rate and momentum for the next step."""
    for group in optimizer.param_groups:
        group["lr"] = hyper.lr * group.get("lr_share", 1.0)
        if "momentum" in group:
            group["momentum"] = hyper.momentum
        else:
            group["betas"] = (hyper.momentum, group["betas"][1])


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """The optimizer's state as tensors; `0.momentum_buffer` belongs to the first parameter."""
    return {
        f"{place}{index}.{key}": value
        for place, part in _parts(optimizer).items()
        for index, entries in part.state_dict()["state"].items()
        for key, value in entries.items()
        if isinstance(value, Tensor)
    }


def restore_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    """Restores a state of `optimizer_tensors`. Raises `ValueError` where it does not fit, unlike PyTorch."""
    for place, part in _parts(optimizer).items():
        state: dict[int, dict[str, Any]] = {}
        for name, tensor in tensors.items():
            if name.startswith(place):
                index, _, key = name.removeprefix(place).partition(".")
                state.setdefault(int(index), {})[key] = tensor
        _refuse_unfit(part, state)
        part.load_state_dict({**part.state_dict(), "state": state})


def _refuse_unfit(part: torch.optim.Optimizer, state: dict[int, dict[str, Tensor]]) -> None:
    parameters = [parameter for group in part.param_groups for parameter in group["params"]]
    for index, entries in state.items():
        if not 0 <= index < len(parameters):
            raise ValueError(f"the optimizer has no parameter {index}")
        for key, tensor in entries.items():
            shape = torch.Size() if key == "step" else parameters[index].shape
            if (tensor.shape, tensor.dtype) != (shape, torch.float32):
                raise ValueError(f"optimizer.{index}.{key} does not fit its parameter")


def _parts(optimizer: Optimizer) -> dict[str, torch.optim.Optimizer]:
    """PyTorch's own optimizers, by the prefix of their tensors' names."""
    return optimizer.parts if isinstance(optimizer, MuonAndSgd) else {"": optimizer}
