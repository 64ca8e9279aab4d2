"""Convolutions with a basis, built: what they compute, begin with, and keep."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from tinymnist import Spec, build_model
from tinymnist.model.basis import Basis, BasisConv2d, gaussian_derivatives
from tinymnist.spec.recipe import Adam, Muon, Sgd
from tinymnist.training.optimizer import make_optimizer


@pytest.mark.parametrize("kernel", [(3, 3), (5, 5), (1, 4), (2, 3), (7, 5)])
def test_a_basis_begins_orthonormal(kernel: tuple[int, int]) -> None:
    number = min(6, kernel[0] * kernel[1])
    rows = gaussian_derivatives(number, kernel).reshape(number, -1)
    np.testing.assert_allclose(rows @ rows.T, np.eye(number), atol=1e-12)


def test_it_begins_with_a_gaussian_then_derivatives_by_their_order() -> None:
    bell, across, down, *second = gaussian_derivatives(6, (5, 5))
    assert bell.min() > 0
    np.testing.assert_allclose(bell, bell[::-1, ::-1], atol=1e-12)
    np.testing.assert_allclose(across, -across[:, ::-1], atol=1e-12)
    np.testing.assert_allclose(across, across[::-1], atol=1e-12)
    np.testing.assert_allclose(down, across.T, atol=1e-12)
    for filters in second:
        np.testing.assert_allclose(filters, filters[::-1, ::-1], atol=1e-12)


def test_a_smaller_basis_is_the_beginning_of_a_larger_one() -> None:
    np.testing.assert_allclose(gaussian_derivatives(3, (5, 5)), gaussian_derivatives(6, (5, 5))[:3], atol=1e-12)


@pytest.mark.parametrize(
    ("stride", "padding", "dilation", "groups"), [((1, 1), (1, 1), (1, 1), 1), ((2, 1), (0, 2), (1, 2), 2)]
)
def test_it_computes_what_the_basis_and_a_1x1_convolution_do(
    stride: tuple[int, int], padding: tuple[int, int], dilation: tuple[int, int], groups: int
) -> None:
    torch.manual_seed(0)
    conv = BasisConv2d(4, 6, Basis(3, (3, 3)), stride, padding, dilation, groups=groups, bias=True, keeps=True).double()
    images = torch.randn(2, 4, 9, 8, dtype=torch.float64)
    each = conv.filters[:, None].repeat(4, 1, 1, 1)  # the basis on every input channel
    features = functional.conv2d(images, each, None, stride, padding, dilation, groups=4)
    mixed = functional.conv2d(features, conv.mix.flatten(1)[:, :, None, None], conv.bias, groups=groups)
    torch.testing.assert_close(conv(images), mixed)


def spec_of(learned: bool = True) -> Spec:
    bases = {"stroke": {"filters": 2, "learned": learned}}
    blocks = [{"convs": [4, 4]}, {"convs": [{"out_channels": 4, "basis": 2}]}]
    return Spec.model_validate({"name": "n", "bases": bases, "blocks": blocks, "defaults": {"basis": "stroke"}})


def test_the_first_convolution_keeps_a_shared_basis() -> None:
    names = [name for name, _ in build_model(spec_of()).named_parameters() if "conv" in name]
    assert [name for name in names if "bias" not in name] == [
        "block1.conv1.mix",
        "block1.conv1.basis.filters",
        "block1.conv2.mix",
        "block2.conv1.mix",
        "block2.conv1.basis.filters",
    ]


def test_a_basis_that_is_not_learned_is_saved_as_a_buffer() -> None:
    buffers = dict(build_model(spec_of(learned=False)).named_buffers())
    np.testing.assert_allclose(buffers["block1.conv1.basis.filters"], gaussian_derivatives(2, (3, 3)), atol=1e-7)


@pytest.mark.parametrize("options", [Sgd(name="sgd"), Adam(name="adamw"), Muon(name="muon", weight_decay=0.1)])
def test_a_basis_does_not_decay(options: Sgd | Adam | Muon) -> None:
    model = build_model(spec_of())
    optimizer = make_optimizer(options, model)
    named = {id(parameter): name for name, parameter in model.named_parameters()}
    still = {
        named[id(parameter)]
        for group in optimizer.param_groups
        for parameter in group["params"]
        if not group["weight_decay"]
    }
    assert still == {"block1.conv1.basis.filters", "block2.conv1.basis.filters"}
