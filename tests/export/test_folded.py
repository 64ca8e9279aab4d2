"""The folded network computes the same numbers as the model, in fewer steps."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import nn

from tests.support.command_line import ARCHS
from tests.support.exported import folded
from tests.support.models import trained
from tests.support.specs import specs
from tinymnist import Spec, load_spec
from tinymnist.folded.folding import fold
from tinymnist.folded.interpreter import values
from tinymnist.folded.network import Convolution


def largest_difference(spec: Spec) -> float:
    model = trained(spec)
    images = torch.randn(3, spec.input.channels, spec.input.height, spec.input.width)
    with torch.inference_mode():
        expected = model(images)
    logits = values(fold(spec, model), images)[-1].flatten(1)
    output = logits.log_softmax(1) if isinstance(list(model.modules())[-1], nn.LogSoftmax) else logits
    return float((output - expected).abs().max() / (1.0 + expected.abs().max()))


@settings(max_examples=40, deadline=None)
@given(specs())
def test_any_network_computes_what_its_model_does(spec: Spec) -> None:
    assert largest_difference(spec) < 1e-5


@pytest.mark.parametrize("path", sorted(ARCHS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_architecture_computes_what_its_model_does(path: Path) -> None:
    assert largest_difference(load_spec(path)) < 1e-5


def test_nothing_is_left_of_training() -> None:
    spec = load_spec(ARCHS / "tiny3130.yaml")
    steps = fold(spec, trained(spec)).steps
    assert [step.name for step in steps] == [
        "block1.conv1",
        "block1.conv2",
        "block1.pool",
        "block2.conv1",
        "block2.conv2",
        "block2.pool",
        "block3.conv1",
        "block3.pool",
        "head.linear",
    ]


def test_shared_weights_stay_one_array() -> None:
    spec = load_spec(ARCHS / "shared-stairs.yaml")
    network = fold(spec, trained(spec))
    convolutions = [step for step in network.steps if isinstance(step, Convolution) and step.scale is not None]
    assert len(convolutions) > 3
    assert len({id(step.weight) for step in convolutions}) == 1


def test_shared_weights_may_be_dilated_differently() -> None:
    blocks = [{"name": "a", "convs": [2]}, {"convs": [{"out_channels": 2, "dilation": 2}], "weights_from": "a"}]
    content = {"name": "n", "classes": 3, "input": {"channels": 2, "height": 9, "width": 9}, "blocks": blocks}
    assert largest_difference(Spec.model_validate(content)) < 1e-5


BASES = Spec.model_validate(
    {
        "name": "factors",
        "input": {"channels": 2, "height": 11, "width": 9},
        "classes": 3,
        "bases": {"wide": {"filters": 3, "kernel_size": [5, 3]}},
        "defaults": {"basis": "wide"},
        "blocks": [
            {"convs": [12, {"out_channels": 2, "norm": "none"}, 9]},
            {"convs": [{"out_channels": 12, "groups": 3, "dilation": [1, 2], "norm": "none"}]},
            {"name": "twice", "convs": [12], "repeat": 2, "share_weights": True},
        ],
    }
)


def test_factors_are_kept_where_they_take_fewer_multiply_adds() -> None:
    steps = folded(BASES).steps
    assert [step.name for step in steps if not (isinstance(step, Convolution) and step.factors)] == [
        "block1.conv2",  # it has two outputs: one convolution takes fewer
        "head.linear",
    ]


def test_factors_are_those_of_the_weight() -> None:
    convolutions = [step for step in folded(BASES).steps if isinstance(step, Convolution)]
    factored = [(step.weight, step.factors) for step in convolutions if step.factors]
    shapes = [(3, 5, 3), (3, 5, 3), (3, 5, 5), (3, 5, 3), (3, 5, 3)]  # the third is dilated
    assert [factors.filters.shape for _, factors in factored] == shapes
    for weight, factors in factored:
        mix = factors.mix.reshape(*weight.shape[:2], len(factors.filters))
        np.testing.assert_allclose(np.einsum("oik,khw->oihw", mix, factors.filters), weight, atol=1e-6)
