"""Trains a network inside wider ones that share its weights, of which nothing is left at the end.

python benchmarks/augmented.py 1.5,2,3 train --arch bank984 --recipe steady --validation 10000 --seeds 4

The numbers say how many times as wide. Each step draws one of the wider networks and adds its gradients to those of
the network itself, whose weights are the wider one's first channels (Cai, Gan, Lin and Han 2022, "Network Augmentation
for Tiny Deep Learning"). The other arguments are those of `tinymnist`. Checkpoints do not hold the other channels, so
`--resume` is refused. Needs the native engine and SGD. Results: docs/results.md.
"""

import os
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import tinymnist.training.api
from tinymnist.cli import run
from tinymnist.model import build_model
from tinymnist.native import NativeNetwork
from tinymnist.spec import Spec
from tinymnist.training.engine import Engine, NativeEngine

FACTORS = "AUGMENTED"
"""Names the variable that tells the processes of a series."""
Region = tuple[slice, ...]


def widened(spec: Spec, factor: float) -> Spec:
    """The same network with so many times the channels in each convolution."""

    def scaled(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {each: scaled(of, each) for each, of in value.items()}
        if isinstance(value, list | tuple):
            return [scaled(each) for each in value]
        return round(factor * value) if key == "out_channels" and value is not None else value

    whole = spec.model_dump(by_alias=True)
    return Spec.model_validate({**whole, "blocks": scaled(whole["blocks"]), "checks": {}})


@dataclass(frozen=True)
class Wider:
    """A wider network, whose parameters are the first entries of the widest one's along each axis."""

    native: NativeNetwork
    parameters: list[Tensor]
    gradients: list[Tensor]


class AugmentedEngine(NativeEngine):
    """Steps of a network that also learns as a part of wider ones."""

    def __init__(self, spec: Spec, model: nn.Sequential, optimizer: torch.optim.SGD, threads: int) -> None:
        super().__init__(spec, model, optimizer, threads)
        self._sgd, self._own, self._gradients = optimizer, list(model.parameters()), _gradients(model)
        self._decays = {id(each): group["weight_decay"] for group in optimizer.param_groups for each in group["params"]}
        factors = sorted(float(factor) for factor in os.environ[FACTORS].split(","))
        self._wider = [self._opened(widened(spec, factor), threads) for factor in factors]
        self._widest = [each.detach().clone() for each in self._wider[-1].parameters]
        self._momenta = [torch.zeros_like(each) for each in self._widest]

    def _opened(self, spec: Spec, threads: int) -> Wider:
        model = build_model(spec)
        scale, shift = spec.train.normalize.scale_and_shift
        size = spec.train.batch_size
        native = NativeNetwork(spec, model, scale=scale, shift=shift, batch_size=size, threads=threads)
        return Wider(native, list(model.parameters()), _gradients(model))

    @torch.no_grad()
    def step(
        self, images: Tensor, labels: Tensor, seed: int, teacher: Tensor | None = None, weights: Tensor | None = None
    ) -> None:
        totals = self._network.step(images, labels, seed, objective=self._objective, teacher=teacher, weights=weights)
        wider = self._wider[np.random.default_rng(seed).integers(len(self._wider))]
        for own, widest in zip(self._own, self._widest, strict=True):
            widest[_region(own)] = own
        for parameter, widest in zip(wider.parameters, self._widest, strict=True):
            parameter.copy_(widest[_region(parameter)])
        wider.native.step(images, labels, seed, objective=self._objective, teacher=teacher, weights=weights)
        self._descend_outside(wider)
        for gradient, of_wider in zip(self._gradients, wider.gradients, strict=True):
            gradient += of_wider[_region(gradient)]
        self._descend()
        self._loss_sum += totals.loss
        self._correct += totals.correct

    def _descend_outside(self, wider: Wider) -> None:
        """A step of what the network itself does not have; the rest of it is overwritten before the next."""
        rate, momentum = (self._sgd.param_groups[0][key] for key in ("lr", "momentum"))
        for own, parameter, gradient, widest, momenta in zip(
            self._own, wider.parameters, wider.gradients, self._widest, self._momenta, strict=True
        ):
            region = _region(parameter)
            decayed = gradient + self._decays[id(own)] * parameter
            momenta[region] = momentum * momenta[region] + decayed
            widest[region] -= rate * (decayed + momentum * momenta[region])


def _region(parameter: Tensor) -> Region:
    """Where its entries lie in the same parameter of a wider network."""
    return tuple(slice(size) for size in parameter.shape)


def _gradients(model: nn.Module) -> list[Tensor]:
    """The gradients of its parameters. A native network writes them in place."""
    return [parameter.grad for parameter in model.parameters() if parameter.grad is not None]


def _engine(name: str, spec: Spec, model: nn.Sequential, optimizer: Any, *others: object) -> Engine:
    return AugmentedEngine(spec, model, optimizer, torch.get_num_threads())


vars(tinymnist.training.api)["choose_engine"] = _engine  # on import: the processes of a series use it too

if __name__ == "__main__":
    if len(sys.argv) < 3 or not sys.argv[1][:1].isdigit() or "--resume" in sys.argv:
        sys.exit(__doc__)
    os.environ[FACTORS] = sys.argv[1]
    sys.exit(run(sys.argv[2:]))
