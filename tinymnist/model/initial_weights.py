"""The weights that a network begins with: distributed as PyTorch's, with the same bits on every machine."""

from math import prod, sqrt

import numpy as np
import torch
from torch import Tensor, nn

from tinymnist.model.basis import BasisConv2d
from tinymnist.numerics import Floats, normal, uniform


@torch.no_grad()
def draw_weights(model: nn.Module, seed: int) -> None:
    """Draws the weights and biases of convolutions and linear layers; `seed` is from 0 to 2**31 - 1.

    They are uniform within 1 / sqrt(inputs of one output), as PyTorch's own. Weights of sums of filters are normal with
    a variance of 2 by the number of terms (He et al. 2015).
    """
    drawn = 0

    def next_seed() -> int:
        nonlocal drawn
        drawn += 1
        return seed + (drawn << 32)

    for module in model.modules():
        if isinstance(module, BasisConv2d):
            inputs = module.mix.shape[1] * prod(module.kernel_size)
            terms = module.mix[0].numel()
            _set(module.mix, normal(next_seed(), *module.mix.shape) * sqrt(2 / terms))
        elif isinstance(module, nn.Conv2d | nn.Linear):
            inputs = module.weight[0].numel()
            _set(module.weight, _within(1 / sqrt(inputs), uniform(next_seed(), *module.weight.shape)))
        else:
            continue
        if module.bias is not None:
            _set(module.bias, _within(1 / sqrt(inputs), uniform(next_seed(), *module.bias.shape)))


def _within(bound: float, drawn: Floats) -> Floats:
    return (2 * drawn - 1) * bound


def _set(parameter: Tensor, values: Floats) -> None:
    parameter.copy_(torch.from_numpy(values.astype(np.float32)))
