"""The estimate of a program's flash."""

from pathlib import Path
from typing import get_args

import pytest

from tinymnist import Spec, load_spec
from tinymnist.export.c.compiling import cores_here, measure
from tinymnist.export.c.programs import network_program
from tinymnist.quantization.gates import gate_table, is_curved
from tinymnist.spec.flash import GATES, int8_flash
from tinymnist.spec.layers import Activation
from tinymnist.spec.packaged import packaged_networks
from tinymnist.training.load import load_runs
from tinymnist.training.trained import open_trained

UNEVEN = 50
"""Bytes, about, that a program takes more where the channels of a value are uneven, which only training decides."""


@pytest.mark.slow
@pytest.mark.skipif("cortex_m0plus" not in cores_here(), reason="needs arm-none-eabi-gcc")
@pytest.mark.parametrize("name", packaged_networks())
def test_the_estimate_is_near_what_the_compiler_makes(name: str, mnist_dir: Path) -> None:
    (trained,) = open_trained(load_runs(name), data_dir=mnist_dir)
    program = network_program(trained, "int8", "size")
    size = measure(program, cores_here()["cortex_m0plus"])
    estimate = int8_flash(trained.run.spec.plan)
    assert size is not None
    assert estimate is not None
    assert estimate + UNEVEN * ("by how much less" in program.source) == pytest.approx(size.own, rel=0.02)


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ([{"pool": {"kind": "max", "kernel_size": 7}}], 27 + 46 + 73 + (16 + 8) + 16 + 10 * (4 * 4 + 4)),
        ([{"convs": [4]}], 558 + 46 + 2 * (16 + 8) + (36 + 4 * 4) + 10 * (4 * 28 * 28 + 4)),
        ([{"convs": [4], "pool": "max"}], 558 + 46 + 73 + 2 * 24 + 16 + (36 + 4 * 4) + 10 * (4 * 14 * 14 + 4)),
    ],
    ids=["no convolution", "a convolution", "a pooling"],
)
def test_what_is_stored_is_counted(blocks: list[object], expected: int) -> None:
    assert int8_flash(Spec.model_validate({"name": "n", "classes": 10, "blocks": blocks}).plan) == expected


def test_shared_weights_are_stored_once_and_their_outputs_each_time() -> None:
    def flash(repeat: int) -> int:
        block = {"convs": [6], "repeat": repeat, "share_weights": True, "pool": "max"}
        found = int8_flash(Spec.model_validate({"name": "n", "classes": 10, "blocks": [{"convs": [6]}, block]}).plan)
        assert found is not None
        return found

    assert flash(3) - flash(2) == 16 + 8 + 6 * 4


def test_dilated_windows_are_stored_with_zeros() -> None:
    def flash(dilation: int, **more: object) -> int:
        convs = [24, {"out_channels": 24, "dilation": dilation, "padding": dilation}]
        blocks = [{"convs": convs, "pool": "max"}]
        found = int8_flash(Spec.model_validate({"name": "n", "classes": 10, "blocks": blocks, **more}).plan)
        assert found is not None
        return found

    assert flash(3) - flash(1) == 24 * 24 * (7 * 7 - 3 * 3)
    basis = {"bases": {"b": {"filters": 3}}, "defaults": {"basis": "b"}}
    assert flash(3, **basis) - flash(1, **basis) == 3 * (7 * 7 - 3 * 3)


def test_group_norm_has_no_flash() -> None:
    assert int8_flash(load_spec("smooth675", ["defaults.norm={kind: group, groups: 1}"]).plan) is None


def test_each_activation_that_needs_a_table_is_known() -> None:
    assert {name: gate_table(name).size for name in GATES} == GATES
    assert not any(is_curved(name) for name in {*get_args(Activation)} - {*GATES})
