"""Convolutions with a basis: how they are declared, what is refused, and what they count."""

from typing import Any

import pytest
from pydantic import ValidationError

from tinymnist import Spec
from tinymnist.spec.dump import dump_spec
from tinymnist.spec.load import document_from_text
from tinymnist.spec.plan import Factors


def spec_of(*convs: Any, **more: Any) -> Spec:
    return Spec.model_validate({"name": "n", "blocks": [{"convs": list(convs)}], **more})


def parameters_of(spec: Spec) -> list[int]:
    return [layer.parameters for layer in spec.plan.layers if layer.kind == "conv"]


STROKE = {"stroke": {"filters": 3, "kernel_size": 5}}


def test_a_number_is_a_basis_of_its_own() -> None:
    convs = [{"out_channels": 6, "basis": 2, "bias": False}, {"out_channels": 4, "basis": 3, "groups": 2, "bias": True}]
    assert parameters_of(spec_of(*convs)) == [6 * 1 * 2 + 2 * 9, 4 * 3 * 3 + 3 * 9 + 4]


def test_a_declared_basis_counts_once() -> None:
    spec = spec_of(*3 * [4], bases=STROKE, defaults={"basis": "stroke", "bias": False})
    assert parameters_of(spec) == [4 * 1 * 3 + 75, 4 * 4 * 3, 4 * 4 * 3]
    assert spec.plan.features["basis"] == 3


def test_a_basis_that_is_not_learned_is_a_buffer() -> None:
    spec = spec_of(4, 4, bases={"fixed": {"filters": 3, "learned": False}}, defaults={"basis": "fixed", "norm": "none"})
    assert parameters_of(spec) == [4 * 3 + 4, 4 * 4 * 3 + 4]
    assert spec.plan.buffers == 27


def test_repetitions_have_their_own_mixes_and_one_basis() -> None:
    blocks = [{"convs": [4], "repeat": 3}, {"name": "b", "convs": [4], "repeat": 2, "share_weights": True}]
    content = {"name": "n", "input": {"channels": 4}, "blocks": blocks, "bases": {"s": {"filters": 2}}}
    spec = Spec.model_validate({**content, "defaults": {"basis": "s", "bias": False}})
    assert parameters_of(spec) == [32 + 18, 32, 32, 32, 0]


@pytest.mark.parametrize(
    ("conv", "defaults", "kernel"),
    [
        ({"basis": "stroke"}, {}, (5, 5)),
        ({}, {"basis": "stroke", "kernel_size": 7}, (5, 5)),
        ({"basis": "none"}, {"basis": "stroke", "kernel_size": 7}, (7, 7)),
        ({"basis": 2}, {"basis": "stroke"}, (3, 3)),
    ],
    ids=["its own", "by default", "none", "a number"],
)
def test_the_kernel_is_that_of_the_basis(
    conv: dict[str, Any], defaults: dict[str, Any], kernel: tuple[int, int]
) -> None:
    spec = spec_of({"out_channels": 4, **conv}, {"out_channels": 4, "basis": "stroke"}, bases=STROKE, defaults=defaults)
    assert spec.blocks[0].convs[0].kernel_size == kernel


@pytest.mark.parametrize(("size", "dense", "factored"), [(3, 1764, 966), (5, 4900, 1638)], ids=["3x3", "5x5"])
def test_multiply_adds_are_those_of_the_cheaper_way(size: int, dense: int, factored: int) -> None:
    spec = spec_of(14, {"out_channels": 14, "kernel_size": size, "basis": 3})
    (layer,) = (layer for layer in spec.plan.layers if layer.factors)
    assert layer.factors == Factors(3, 784 * dense, 784 * factored)
    assert layer.macs == 784 * factored


def test_few_channels_are_cheaper_as_one_convolution() -> None:
    layer = spec_of({"out_channels": 2, "basis": 3}).plan.layers[0]
    assert (layer.macs, layer.factors) == (784 * 18, Factors(3, 784 * 18, 784 * 33))


NAMED = {"out_channels": 4, "basis": "stroke"}

BAD: dict[str, tuple[list[Any], dict[str, Any] | None, str]] = {
    "unknown name": (
        [NAMED, {"out_channels": 4, "basis": "strok"}],
        STROKE,
        "'strok' is not the name of a basis: did you mean 'stroke'?",
    ),
    "no bases": ([NAMED], None, "'stroke' is not the name of a basis: a spec declares them under `bases:`"),
    "another kernel": (
        [{**NAMED, "kernel_size": 3}],
        STROKE,
        "'stroke' has filters of 5, this convolution is of 3: leave its kernel_size out",
    ),
    "too many": ([{"out_channels": 4, "basis": 10}], None, "10 filters of 3x3 are too many: at most 9"),
    "too many, declared": (
        [NAMED],
        {"stroke": {"filters": 7, "kernel_size": [2, 3]}},
        "7 filters of 2x3 are too many: at most 6",
    ),
    "depthwise": ([{"kind": "depthwise", "basis": 2}], None, "give this depthwise convolution basis: none"),
    "separable": ([{"kind": "separable", "out_channels": 4, "basis": 2}], None, "basis goes with kind conv"),
    "zero": ([{"out_channels": 4, "basis": 0}], None, "found 0"),
}


@pytest.mark.parametrize(("convs", "bases", "message"), BAD.values(), ids=BAD.keys())
def test_what_does_not_fit_is_refused(convs: list[Any], bases: dict[str, Any] | None, message: str) -> None:
    with pytest.raises(ValidationError) as problem:
        spec_of(*convs, bases=bases)
    assert message in str(problem.value)


def test_shared_weights_need_the_same_basis() -> None:
    first, second = {"out_channels": 1, "basis": 2}, {"out_channels": 1, "basis": 3}
    blocks = [{"name": "a", "convs": [first]}, {"convs": [second], "weights_from": "a"}]
    with pytest.raises(ValidationError, match=r"basis 3 here, .* basis 2 there"):
        Spec.model_validate({"name": "n", "blocks": blocks})


def test_a_resolved_spec_says_the_same() -> None:
    spec = spec_of(4, {"out_channels": 4, "basis": "none"}, bases=STROKE, defaults={"basis": "stroke"})
    assert document_from_text(dump_spec(spec), "again").spec == spec
