"""Convolutions whose filters are weighted sums of a few, which they may share with other convolutions."""

from math import prod, sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

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

    Takes and gives (N, C, H, W). The first convolution with a basis `keeps` it: there its tensors are saved. The
    weights of the sums, `mix` (outputs, inputs / groups, number), begin with a variance of 2 by the number of terms (He
    et al. 2015).
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
        terms = inputs // groups * number
        self.mix = nn.Parameter(torch.randn(outputs, inputs // groups, number) * sqrt(2 / terms))
        bound = 1 / sqrt(inputs // groups * prod(kernel))  # as in nn.Conv2d
        self.bias = nn.Parameter(torch.empty(outputs).uniform_(-bound, bound)) if bias else None

    @property
    def filters(self) -> Tensor:
        """Those of the basis: (number, height, width)."""
        return self._basis[0].filters

    @property
    def weight(self) -> Tensor:
        """What `nn.Conv2d` would have: (outputs, inputs / groups, height, width)."""
        filters = self.filters
        dense = self.mix.flatten(0, 1) @ filters.flatten(1)
        return dense.view(*self.mix.shape[:2], *filters.shape[1:])

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        sizes = f"{self.in_channels}, {self.out_channels}, basis={tuple(self.filters.shape)}"
        return f"{sizes}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, groups={self.groups}"


Conv2d = nn.Conv2d | BasisConv2d
"""Every convolution that has weights of its own."""


def gaussian_derivatives(number: int, kernel: Pair) -> NDArray[np.float64]:
    """A Gaussian and its partial derivatives, by their order, on the pixels of a filter: (number, height, width).

    They are made orthonormal one after another (Gram and Schmidt), which leaves the Gaussian times a polynomial each.
    At most height * width exist; derivatives that a side has no pixels for are left out.
    """
    (high, wide) = kernel
    down, across = (np.arange(size) - (size - 1) / 2 for size in kernel)
    orders = sorted(((a, b) for a in range(high) for b in range(wide)), key=lambda order: (sum(order), order))
    bells = [np.exp(-(place**2) / (2 * (len(place) / SPREAD) ** 2)) for place in (down, across)]
    columns = [np.outer(bells[0] * down**a, bells[1] * across**b).ravel() for a, b in orders[:number]]
    orthonormal, triangular = np.linalg.qr(np.stack(columns, axis=1))
    return np.ascontiguousarray((orthonormal * np.sign(np.diag(triangular))).T).reshape(number, high, wide)
