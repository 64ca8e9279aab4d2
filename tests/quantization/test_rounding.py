"""A model that is trained with rounding computes what its int8 program will, and is left as it was."""

from typing import get_args

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.support.int8_reference import whole_logits
from tests.support.models import trained
from tinymnist import Spec
from tinymnist.choices import WholeDtype
from tinymnist.errors import UsageError
from tinymnist.folded import fold
from tinymnist.folded.network import Convolution
from tinymnist.model.basis import BasisConv2d
from tinymnist.model.pixels import normalized
from tinymnist.quantization.ranges import find_ranges
from tinymnist.quantization.rounding import Rounding
from tinymnist.quantization.scheme import quantize

PART: dict[WholeDtype, int] = {"int8": 2, "int4": 10}
"""By how much nearer the rounded model is to the integers than the exact one, at least."""
SHARED = {"convs": [{"out_channels": 6}], "repeat": 3, "share_weights": True}
RESIDUAL = {"convs": [6], "residual": "identity"}
BASIS = {"bases": {"b": {"filters": 2}}, "defaults": {"basis": "b"}}


def network_of(blocks: list[object], **more: object) -> Spec:
    image = {"channels": 1, "height": 12, "width": 12}
    return Spec.model_validate({"name": "net", "input": image, "classes": 4, "blocks": blocks, **more})


SPECS = {
    "maxima": network_of([{"convs": [6, 6], "pool": "max"}, {"convs": [5]}]),
    "averages": network_of([{"convs": [6], "pool": "average"}, {"convs": [5]}]),
    "groups": network_of([{"convs": [6, {"out_channels": 6, "groups": 2}, {"kind": "depthwise"}]}]),
    "separable": network_of([{"convs": [6, {"kind": "separable", "out_channels": 8}], "dropout": 0.1}]),
    "a basis": network_of([{"convs": [6, 8, 8]}], **BASIS),
    "a basis that is not learned": network_of(
        [{"convs": [6, 8, 8]}], bases={"b": {"filters": 2, "learned": False}}, defaults={"basis": "b"}
    ),
    "a basis, once stored dense": network_of([{"convs": [6, 2, 8]}], **BASIS),
    "dilation": network_of([{"convs": [6, {"out_channels": 6, "dilation": 2}]}]),
    "a basis with dilation": network_of([{"convs": [6, {"out_channels": 6, "dilation": 2}]}], **BASIS),
    "shared weights": network_of([{"convs": [6]}, SHARED]),
    "residual": network_of([{"convs": [6]}, RESIDUAL]),
    "hidden layers": network_of([{"convs": [6], "pool": "max"}], head={"kind": "linear", "hidden": [12]}),
    "global pooling": network_of([{"convs": [6, 4]}], head={"kind": "global_pool"}),
}


@pytest.fixture
def images() -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (40, 1, 12, 12), np.uint8))


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("dtype", get_args(WholeDtype))
def test_what_is_computed_is_what_the_integers_mean(name: str, dtype: WholeDtype, images: Tensor) -> None:
    spec, model = SPECS[name], trained(SPECS[name]).eval()
    network = fold(spec, model)
    quantized = quantize(network, *find_ranges(network, images), dtype)
    pixels = normalized(images, spec.train.normalize, torch.device("cpu"))
    with torch.no_grad():
        exact = model(pixels).numpy()
        with Rounding(spec, model, dtype).applied(images):
            rounded = model(pixels).numpy()
    whole = whole_logits(network, quantized, images.numpy()) * quantized.logit_scale
    whole, rounded, exact = (each - each.mean(1, keepdims=True) for each in (whole, rounded, exact))
    assert np.abs(rounded - whole).mean() < np.abs(exact - whole).mean() / PART[dtype]


@pytest.mark.parametrize("name", SPECS)
def test_afterwards_the_model_is_as_before(name: str, images: Tensor) -> None:
    spec, model = SPECS[name], trained(SPECS[name]).eval()
    pixels = normalized(images, spec.train.normalize, torch.device("cpu"))
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    with torch.no_grad():
        exact = model(pixels)
        with Rounding(spec, model, "int8").applied(images):
            rounded = model(pixels)
        again = model(pixels)
    assert not torch.equal(rounded, exact)
    assert torch.equal(again, exact)
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())


def test_a_convolution_that_is_stored_dense_is_rounded_as_a_whole(images: Tensor) -> None:
    bounded = {**BASIS, "defaults": {"basis": "b", "activation": "relu6"}}  # so that no steps are finer
    spec = network_of([{"convs": [6, 2, 8]}], **bounded)
    model = trained(spec).eval()
    dense = [step.name for step in fold(spec, model).steps if isinstance(step, Convolution) and not step.factors]
    assert dense == ["block1.conv2", "head.linear"]
    conv = model.get_submodule("block1.conv2")
    assert isinstance(conv, BasisConv2d)
    exact = conv.weight.detach().clone()
    with Rounding(spec, model, "int4").applied(images):
        assert conv.rounded is not None
        assert all(len(row.unique()) <= 15 for row in conv.rounded)
        assert torch.allclose(conv.weight, conv.rounded)
        conv.weight.sum().backward()
    assert torch.equal(conv.weight, exact)
    assert conv.mix.grad is not None
    assert conv.mix.grad.abs().sum() > 0


def test_gradients_pass_as_if_nothing_had_been_rounded(images: Tensor) -> None:
    spec, model = SPECS["maxima"], trained(SPECS["maxima"]).eval()
    pixels = normalized(images, spec.train.normalize, torch.device("cpu"))

    def gradients() -> Tensor:
        model.zero_grad()
        model(pixels).square().sum().backward()
        return torch.cat([parameter.grad.flatten() for parameter in model.parameters() if parameter.grad is not None])

    exact = gradients()
    with Rounding(spec, model, "int8").applied(images):
        rounded = gradients()
    assert torch.nn.functional.cosine_similarity(exact, rounded, 0) > 0.98


def test_norms_are_as_they_are_folded(images: Tensor) -> None:
    spec, model = SPECS["maxima"], trained(SPECS["maxima"])
    model.train()
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    before = [norm.running_mean.clone() for norm in norms if norm.running_mean is not None]
    with Rounding(spec, model, "int8").applied(images):
        model(normalized(images, spec.train.normalize, torch.device("cpu")))
    assert all(torch.equal(norm.running_mean, mean) for norm, mean in zip(norms, before, strict=True))  # type: ignore[arg-type]


def test_a_diverged_network_is_not_rounded(images: Tensor) -> None:
    spec, model = SPECS["maxima"], trained(SPECS["maxima"]).eval()
    rounding = Rounding(spec, model, "int8")
    next(model.parameters()).data.fill_(float("nan"))
    with rounding.applied(images), torch.no_grad():
        assert model(normalized(images, spec.train.normalize, torch.device("cpu"))).isnan().all()


def test_what_has_no_int8_form_is_refused() -> None:
    spec = network_of([{"convs": [4]}], defaults={"norm": {"kind": "group", "groups": 2}})
    with pytest.raises(UsageError, match="no group norm in whole numbers"):
        Rounding(spec, trained(spec), "int8")


def test_sums_of_too_many_products_are_refused_before_training() -> None:
    image = {"channels": 3, "height": 96, "width": 96}
    spec = Spec.model_validate({"name": "net", "input": image, "classes": 4, "blocks": [{"convs": [8]}]})
    with pytest.raises(UsageError, match=r"head\.linear: sums more than 66,311 products, too many for whole numbers"):
        Rounding(spec, trained(spec), "int8")
