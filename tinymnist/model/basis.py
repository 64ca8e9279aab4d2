"""Convolutions whose filters are weighted sums of a few, which they may share with other convolutions."""

from math import fsum, sqrt

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tinymnist.numerics import Floats, exponential
from tinymnist.spec.plan import Pair

SPREAD = 4
"""A basis begins with a Gaussian whose standard deviation is a side of its filters by this number."""


class Basis(nn.Module):
    """Small filters (number, height, width), parameters if they are `learned` and a buffer if not. They begin as
    `gaussian_derivatives`."""

    filters: Tensor

    def __init__(self, number: int, kernel: Pair, *, learned: bool = True) -> None:
        super().__init__()
        filters = torch.from_numpy(gaussian_derivatives(number, kernel)).float()
        if learned:
            self.filters = nn.Parameter(filters)
        else:
            self.register_buffer("filters", filters)


class BasisConv2d(nn.Module):
    """A convolution with the weight `sum over k of mix[o, i, k] * filters[k]`, used like `nn.Conv2d`.

    Takes and gives (N, C, H, W). The first convolution with a basis `keeps` it: there its tensors are saved.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        basis: Basis,
        stride: Pair,
        padding: Pair,
        dilation: Pair,
        *,
        groups: int,
        bias: bool,
        keeps: bool,
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels, self.groups = inputs, outputs, groups
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self._basis = (basis,)  # in a tuple, so that torch does not register it twice
        if keeps:
            self.basis = basis
        number, *kernel = basis.filters.shape
        self.kernel_size = tuple(kernel)
        self.mix = nn.Parameter(torch.zeros(outputs, inputs // groups, number))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.rounded: Tensor | None = None
        """What takes the weight's place on the way forward, where it is rounded as a whole."""

    @property
    def filters(self) -> Tensor:
        """Those of the basis: (number, height, width)."""
        return self._basis[0].filters

    @property
    def weight(self) -> Tensor:
        """What `nn.Conv2d` would have: (outputs, inputs / groups, height, width)."""
        filters = self.filters
        dense = self.mix.flatten(0, 1) @ filters.flatten(1)
        weight = dense.view(*self.mix.shape[:2], *filters.shape[1:])
        return weight if self.rounded is None else weight + (self.rounded - weight).detach()

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        sizes = f"{self.in_channels}, {self.out_channels}, basis={tuple(self.filters.shape)}"
        return f"{sizes}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, groups={self.groups}"


Conv2d = nn.Conv2d | BasisConv2d
"""Every convolution that has weights of its own."""


def gaussian_derivatives(number: int, kernel: Pair) -> Floats:
    """A Gaussian and its partial derivatives, by their order, on the pixels of a filter: (number, height, width).

    They are made orthonormal one after another (Gram and Schmidt), which leaves the Gaussian times a polynomial each.
    At most height * width exist; derivatives that a side has no pixels for are left out. Every machine gives the same
    bits.
    """
    (high, wide) = kernel
    places: list[Floats] = [np.arange(float(size)) - (size - 1) / 2 for size in kernel]
    down, across = places
    orders = sorted(((a, b) for a in range(high) for b in range(wide)), key=lambda order: (sum(order), order))
    bells = [exponential(-(place * place) / (2 * (len(place) / SPREAD) ** 2)) for place in (down, across)]
    filters: list[Floats] = []
    for a, b in orders[:number]:
        filter_ = np.outer(bells[0] * _power(down, a), bells[1] * _power(across, b))
        for _ in range(2):  # once more, for what the first pass leaves by rounding
            for other in filters:
                filter_ = filter_ - other * fsum((filter_ * other).flat)
        filters.append(filter_ / sqrt(fsum((filter_ * filter_).flat)))
    return np.stack(filters)


def _power(places: Floats, exponent: int) -> Floats:
    power = np.ones_like(places)
    for _ in range(exponent):
        power = power * places
    return power
