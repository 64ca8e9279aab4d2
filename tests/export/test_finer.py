"""Channels of small numbers are given finer steps, and the exported C computes with them what the reference does."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from tests.export.test_c import SANITIZERS, for_both, needs_compiler
from tests.support.exported import as_taken_in, difference_of_integers, images_for, seen_ranges
from tests.support.int8_reference import whole_logits
from tests.support.models import trained
from tinymnist import Spec
from tinymnist.choices import Optimize, WholeDtype
from tinymnist.export.c.compiling import FLAGS
from tinymnist.folded.folding import fold
from tinymnist.folded.interpreter import values
from tinymnist.folded.network import Convolution, Network
from tinymnist.quantization.finer import finer_values
from tinymnist.quantization.scheme import Quantized, quantize


def network_of(blocks: list[object], **more: object) -> Spec:
    image = {"channels": 1, "height": 12, "width": 12}
    return Spec.model_validate({"name": "net", "input": image, "classes": 4, "blocks": blocks, **more})


SHARED = {"convs": [{"out_channels": 6}], "repeat": 3, "share_weights": True}
SPECS = {
    "dense, pooled": network_of([{"convs": [6, 6], "pool": "max"}, {"convs": [5], "pool": "average"}]),
    "groups": network_of([{"convs": [6, {"out_channels": 6, "groups": 2}, {"kind": "depthwise"}]}]),
    "separable": network_of([{"convs": [6, {"kind": "separable", "out_channels": 8}]}]),
    "one basis": network_of([{"convs": [6, 7]}], bases={"b": {"filters": 3}}, defaults={"basis": "b"}),
    "shared weights": network_of([{"convs": [6]}, SHARED]),
}


def with_activation(spec: Spec, activation: str) -> Spec:
    content = spec.model_dump(exclude_unset=True)
    return Spec.model_validate({**content, "defaults": {**content.get("defaults", {}), "activation": activation}})


POWERS = 2.0 ** -np.array([0, 3, 6, 9, 2, 8, 5, 1])


def uneven(spec: Spec) -> Network:
    """A network whose channels differ by up to 512 times."""
    model = trained(spec)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            powers = torch.from_numpy(POWERS[: module.num_features]).float()
            module.weight.data *= powers
            module.bias.data *= powers
    return fold(spec, model)


@needs_compiler
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "silu", "gelu"])
@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("dtype", ["int8", "int4"])
@for_both
def test_c_computes_with_them_what_the_reference_does(
    name: str, activation: str, dtype: WholeDtype, optimize: Optimize
) -> None:
    network = uneven(with_activation(SPECS[name], activation))
    assert finer_values(network, seen_ranges(network, images_for(network)[:3]).channels)
    assert difference_of_integers(network, FLAGS, optimize, dtype) == 0


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize("name", SPECS)
@for_both
def test_sanitizers_find_nothing(name: str, optimize: Optimize) -> None:
    assert difference_of_integers(uneven(with_activation(SPECS[name], "silu")), SANITIZERS, optimize) == 0


@pytest.mark.parametrize("activation", ["relu", "silu"])
def test_small_channels_that_matter_are_kept(activation: str) -> None:
    network = uneven(with_activation(network_of([{"convs": [8, 8]}]), activation))
    first, second, *others = network.steps
    assert isinstance(second, Convolution)
    weight = (second.weight / POWERS[:, None, None]).astype(np.float32)  # all channels now matter alike
    network = replace(network, steps=(first, replace(second, weight=weight), *others))
    images = images_for(network)[:4]
    ranges = seen_ranges(network, images)
    expected = values(network, as_taken_in(network, images))[-1].flatten(1).numpy()

    def error(quantized: Quantized) -> float:
        found = whole_logits(network, quantized, images) * quantized.logit_scale
        return float(np.abs(found - expected).mean())

    assert error(quantize(network, *ranges)) < error(quantize(network, ranges.values)) / 4


def test_even_channels_stay_as_they_are() -> None:
    network = fold(SPECS["dense, pooled"], trained(SPECS["dense, pooled"]))
    assert finer_values(network, seen_ranges(network, images_for(network)).channels) == {}


@needs_compiler
def test_a_layer_whose_results_are_always_0_is_exported_too() -> None:
    spec = network_of([{"convs": [6, 6]}])
    model = trained(spec)
    last = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)][-1]
    last.bias.data.fill_(-1000.0)  # far below what ReLU lets through
    assert difference_of_integers(fold(spec, model), FLAGS) == 0


def test_what_is_added_or_gives_the_logits_has_one_scale() -> None:
    residual = {"convs": [6, 6], "residual": "identity"}
    network = uneven(network_of([{"convs": [6]}, residual, {"convs": [4]}], head="global_pool"))
    found = finer_values(network, seen_ranges(network, images_for(network)).channels)
    within = [value for value, step in enumerate(network.steps, 1) if step.name == "block2.conv1"]
    assert [*found] == within


def test_all_that_the_same_weights_read_has_the_same_powers() -> None:
    network = uneven(SPECS["shared weights"])
    found = finer_values(network, seen_ranges(network, images_for(network)).channels)
    readers = [step.source for step in network.steps if step.name.startswith("block2")]
    assert len(readers) == 3
    assert {tuple(found[value].bits) for value in readers} == {tuple(found[readers[0]].bits)}
