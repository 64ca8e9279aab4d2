"""Doubts: what is valid and almost surely a mistake, and nothing said about what is not."""

from typing import Any

import pytest

from tests.support.command_line import ARCHS
from tinymnist import Spec, load_spec
from tinymnist.check.doubts import doubts


def found(**parts: Any) -> list[tuple[str, str]]:
    """Where and what the doubts about a small network are."""
    content = {"name": "n", "blocks": [{"convs": [8, 8], "pool": "max"}, {"convs": [8], "pool": "max"}], **parts}
    return [
        (".".join(map(str, doubt.path)), doubt.message.partition(":")[0])
        for doubt in doubts(Spec.model_validate(content))
    ]


@pytest.mark.parametrize("arch", sorted(ARCHS.glob("*.yaml")), ids=lambda path: path.stem)
def test_there_are_none_about_packaged_architectures(arch: Any) -> None:
    assert doubts(load_spec(arch)) == ()


def test_there_are_none_about_a_plain_network() -> None:
    assert found() == []


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "muon"])
def test_an_optimizers_own_schedule_is_not_doubted(optimizer: str) -> None:
    assert found(train={"optimizer": optimizer}) == []


@pytest.mark.parametrize(
    ("train", "where"),
    [
        ({"optimizer": "adam", "schedule": {"name": "one_cycle", "max_lr": 0.4}}, "train.schedule.max_lr"),
        ({"optimizer": "adamw", "schedule": {"name": "constant", "lr": 0.2}}, "train.schedule.lr"),
        ({"schedule": {"name": "cosine", "lr": 10}}, "train.schedule.lr"),
        ({"schedule": {"name": "constant", "lr": 1e-6}}, "train.schedule.lr"),
        ({"optimizer": "muon", "schedule": {"name": "constant", "lr": 2.0}}, "train.schedule.lr"),
    ],
    ids=["adam", "adamw", "sgd", "sgd, slow", "muon"],
)
def test_a_rate_far_from_the_usual_is_doubted(train: dict[str, Any], where: str) -> None:
    ((path, message),) = found(train=train)
    assert path == where
    assert "is far from what is usual with" in message


def test_a_network_that_never_makes_the_image_smaller_is_doubted() -> None:
    ((path, message),) = found(blocks=[{"convs": [8, 8, 8]}])
    assert (path, message) == ("blocks", "nothing makes the image smaller (no pool, no stride)")


def test_a_basis_that_no_convolution_uses_is_doubted() -> None:
    bases = {"stroke": {"filters": 2}, "other": {"filters": 2}}
    blocks = [{"convs": [8, {"out_channels": 8, "basis": "stroke"}], "pool": "max"}, {"convs": [8], "pool": "max"}]
    assert found(bases=bases, blocks=blocks) == [("bases.other", "no convolution uses it")]


def test_pixels_that_are_averaged_before_they_have_seen_a_digit_are_doubted() -> None:
    blocks = [{"convs": [8], "pool": "max"}, {"convs": [{"out_channels": 10, "kernel_size": 1}]}]
    ((path, message),) = found(blocks=blocks, head={"kind": "global_pool"})
    assert (path, message) == ("blocks", "what head.pool averages has seen 4x4 pixels of 28x28 each")


def test_a_layer_wider_than_all_others_is_doubted() -> None:
    blocks = [{"convs": [8, 200, 8], "pool": "max"}]
    assert found(blocks=blocks) == [("blocks", "block1.conv2 has 200 outputs, more than all other layers together")]


def test_a_dropout_that_drops_nothing_is_doubted() -> None:
    blocks = [{"convs": [{"out_channels": 8, "dropout": 0.001}], "pool": "max", "dropout": 1e-9}]
    assert found(blocks=blocks) == [
        ("blocks.0.dropout", "1e-09 drops next to nothing"),
        ("blocks.0.convs.0.dropout", "0.001 drops next to nothing"),
    ]


@pytest.mark.parametrize("rule", ["max_params", "max_macs", "max_ram", "max_flash"])
def test_a_budget_that_limits_nothing_is_doubted(rule: str) -> None:
    ((path, message),) = found(checks={rule: 100_000_000})
    assert (path, message) == (f"checks.{rule}", "100,000,000 limits nothing")


def test_a_budget_of_memory_for_a_network_without_a_program_is_a_failed_rule_and_no_doubt() -> None:
    assert found(checks={"max_flash": 100_000_000}, defaults={"norm": {"kind": "group", "groups": 1}}) == []
