"""The memory that an int8 program in C needs, known before there is a trained network."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from tests.support.command_line import ARCHS
from tests.support.exported import folded
from tests.support.specs import specs
from tinymnist import Spec, load_spec
from tinymnist.export.c.scratch import plan_scratch
from tinymnist.spec.scratch import int8_ram


@pytest.mark.parametrize(
    ("name", "ram"), [("tiny3130", 4890), ("smooth3092", 4896), ("smooth996", 6474), ("smooth675", 4840)]
)
def test_packaged_networks_need_what_their_programs_declare(name: str, ram: int) -> None:
    """The figures of docs/export-c.md."""
    assert int8_ram(load_spec(name).plan) == ram


@pytest.mark.parametrize("path", sorted(ARCHS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_plan_and_the_folded_network_need_the_same(path: Path) -> None:
    _same(load_spec(path))


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(spec=specs())
def test_the_plan_and_the_folded_network_need_the_same_whatever_the_layers(spec: Spec) -> None:
    _same(spec)


def _same(spec: Spec) -> None:
    network = folded(spec)
    has_group_norm = "group_norm" in spec.plan.features and spec.plan.features["group_norm"]
    ram = max(1, plan_scratch(network, range(1, len(network.steps))).size)
    assert int8_ram(spec.plan) == (None if has_group_norm else ram)
