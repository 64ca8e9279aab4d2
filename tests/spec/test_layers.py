"""Blocks and their convolutions: padding in words, dilation, and the order of norm and activation."""

from typing import Any

import pytest
from pydantic import ValidationError

from tinymnist import Spec
from tinymnist.spec.layers import Conv


def plan_of(**conv: Any) -> Any:
    content = {"name": "n", "input": {"height": 12, "width": 9}, "blocks": [{"convs": [{"out_channels": 4, **conv}]}]}
    return Spec.model_validate(content).plan


@pytest.mark.parametrize(
    ("conv", "padding", "output"),
    [
        ({"padding": "same"}, (1, 1), (4, 12, 9)),
        ({"padding": "same", "kernel_size": [5, 3]}, (2, 1), (4, 12, 9)),
        ({"padding": "same", "kernel_size": 5, "dilation": [1, 2]}, (2, 4), (4, 12, 9)),
        ({"padding": "same", "stride": 2}, (1, 1), (4, 6, 5)),
        ({"padding": "valid", "kernel_size": 5}, (0, 0), (4, 8, 5)),
        ({"dilation": 2}, (2, 2), (4, 12, 9)),
    ],
    ids=["same", "same, oblong", "same, dilated", "same, strided", "valid", "default, dilated"],
)
def test_padding_in_words(conv: dict[str, Any], padding: tuple[int, int], output: tuple[int, ...]) -> None:
    first = plan_of(**conv).layers[0]
    assert (first.window.padding, first.output) == (padding, output)


def test_words_for_padding_are_numbers_once_loaded() -> None:
    conv = Conv.model_validate({"out_channels": 4, "kernel_size": 5, "padding": "same"})
    assert conv.model_dump(mode="json")["padding"] == 2


def test_defaults_take_words_for_padding() -> None:
    blocks = [{"convs": [{"out_channels": 4, "kernel_size": 5}, 4]}]
    spec = Spec.model_validate({"name": "n", "defaults": {"padding": "valid"}, "blocks": blocks})
    assert [layer.output[1:] for layer in spec.plan.layers if layer.kind == "conv"] == [(24, 24), (22, 22)]


def test_an_even_kernel_has_no_same_padding() -> None:
    with pytest.raises(ValidationError, match="same needs an odd kernel_size"):
        plan_of(kernel_size=2, padding="same")


def test_a_dilated_kernel_reaches_further_with_as_many_parameters() -> None:
    plan = plan_of(kernel_size=3, dilation=3, padding=0)
    assert (plan.layers[0].output, plan.layers[0].parameters, plan.receptive_field) == ((4, 6, 3), 40, (7, 7))


def test_a_dilated_kernel_that_does_not_fit_names_the_dilation() -> None:
    with pytest.raises(ValidationError, match="3 with dilation 5 does not fit a 12x9 input"):
        plan_of(kernel_size=3, dilation=5, padding=0)


@pytest.mark.parametrize(
    ("order", "labels"),
    [
        ("conv-norm-activation", ["conv", "batch_norm", "silu", "dropout"]),
        ("conv-activation-norm", ["conv", "silu", "batch_norm", "dropout"]),
    ],
)
def test_norm_and_activation_come_in_the_order_that_is_given(order: str, labels: list[str]) -> None:
    plan = plan_of(order=order, activation="silu", dropout=0.1)
    assert [layer.label for layer in plan.layers][:4] == labels
