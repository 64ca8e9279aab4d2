"""Trains convolutions whose weights are made of more parameters, which are folded into one weight before each step.

python benchmarks/overparameterized.py KIND train --arch tiny3130 --recipe steady --validation 10000 --seeds 4

KIND: `product`, 1x1, 3x3 and 1x1 convolutions of four times the channels, one after another (Guo, Alvarez and Salzmann
2020, "ExpandNets"); `sum`, a 3x3, a 1x3, a 3x1 and a 1x1 convolution side by side (Ding et al. 2019, "ACNet", without
norms of their own). The other arguments are those of `tinymnist`. Both kinds are linear, so the result is an
ordinary network. The parameters start from random values that the seed does not set, and are not in checkpoints, so
`--resume` is refused. Results: docs/results.md.
"""

import os
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

import tinymnist.training.api
from tinymnist.cli import run
from tinymnist.spec.recipe import Sgd

TIMES = 4
Latent = nn.ParameterDict


def _product(weight: Tensor) -> tuple[Latent, Callable[[Latent], Tensor]]:
    outputs, inputs, *kernel = weight.shape
    taps = kernel[0] * kernel[1]
    wide_in, wide_out = TIMES * inputs, TIMES * outputs
    latent = Latent(
        {
            "before": torch.randn(wide_in, inputs) / inputs**0.5,
            "kernel": torch.randn(wide_out, wide_in, *kernel) / (wide_in * taps) ** 0.5,
            "after": torch.randn(outputs, wide_out) * (2 / wide_out) ** 0.5,
        }
    )
    return latent, lambda of: torch.einsum("ab,bcij,cd->adij", of["after"], of["kernel"], of["before"])


def _sum(weight: Tensor) -> tuple[Latent, Callable[[Latent], Tensor]]:
    outputs, inputs, side, _ = weight.shape
    border = side // 2
    latent = Latent(
        {
            "whole": weight.detach().clone(),
            "row": 0.5 * torch.randn(outputs, inputs, 1, side) / (inputs * side) ** 0.5,
            "column": 0.5 * torch.randn(outputs, inputs, side, 1) / (inputs * side) ** 0.5,
            "centre": 0.5 * torch.randn(outputs, inputs, 1, 1) / inputs**0.5,
        }
    )

    def folded(of: Latent) -> Tensor:
        rows = pad(of["row"], (0, 0, border, border))
        columns = pad(of["column"], (border, border, 0, 0))
        total: Tensor = of["whole"] + rows + columns + pad(of["centre"], (border,) * 4)
        return total

    return latent, folded


class Overparameterized:
    """SGD over the parameters that the weights are made of, with the interface of an optimizer over the weights."""

    def __init__(self, options: Sgd, model: nn.Module, kind: str) -> None:
        make = {"product": _product, "sum": _sum}[kind]
        convs = [each for each in model.modules() if isinstance(each, nn.Conv2d) and each.kernel_size == (3, 3)]
        self._weights = [conv.weight for conv in convs if conv.groups == 1]
        self._made = [make(weight) for weight in self._weights]
        self._latent = [parameter for latent, _ in self._made for parameter in latent.values()]
        made = {id(weight) for weight in self._weights}
        rest = [parameter for parameter in model.parameters() if id(parameter) not in made]
        decayed = [*self._latent, *(parameter for parameter in rest if parameter.dim() > 1)]
        groups: list[dict[str, Any]] = [
            {"params": decayed},
            {"params": [each for each in rest if each.dim() <= 1], "weight_decay": 0.0},
        ]
        self._sgd = torch.optim.SGD(
            groups, lr=0.0, momentum=options.momentum, weight_decay=options.weight_decay, nesterov=options.nesterov
        )
        self._fold()

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return self._sgd.param_groups

    def state_dict(self) -> dict[str, Any]:
        return {"state": {}}

    def step(self) -> None:
        gradients = torch.autograd.grad(self._folded, self._latent, [weight.grad for weight in self._weights])
        for parameter, gradient in zip(self._latent, gradients, strict=True):
            parameter.grad = gradient
        self._sgd.step()
        self._fold()

    def _fold(self) -> None:
        self._folded = [folded(latent) for latent, folded in self._made]
        with torch.no_grad():
            for weight, value in zip(self._weights, self._folded, strict=True):
                weight.copy_(value)


def _make_optimizer(options: Any, model: nn.Module) -> Any:
    return Overparameterized(options, model, os.environ["OVERPARAMETERIZED"])


vars(tinymnist.training.api)["make_optimizer"] = _make_optimizer  # on import: the processes of a series use it too

if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in ("product", "sum") or "--resume" in sys.argv:
        sys.exit(__doc__)
    os.environ["OVERPARAMETERIZED"] = sys.argv[1]
    sys.exit(run(sys.argv[2:]))
