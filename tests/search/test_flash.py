"""A budget of flash, and the estimate that it is held to."""

from pathlib import Path

import numpy as np
import pytest

from tests.search.test_search import rows
from tests.support.command_line import Cli
from tests.support.searches import SEARCH, search_of, write_search
from tinymnist import Spec, load_spec
from tinymnist.export.c.compiling import cores_here, measure
from tinymnist.export.c.programs import network_program
from tinymnist.search.flash import int8_flash
from tinymnist.search.study import open_study
from tinymnist.search.trials import Figures, Trial
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
        ([{"convs": [4]}], 558 + 46 + 2 * (16 + 8) + (36 + 4 * 4) + 10 * (4 * 28 * 28 + 4)),
        ([{"convs": [4], "pool": "max"}], 558 + 46 + 73 + 2 * 24 + 16 + (36 + 4 * 4) + 10 * (4 * 14 * 14 + 4)),
    ],
    ids=["a convolution", "a pooling"],
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


def test_a_network_without_a_program_has_the_worst_flash(tmp_path: Path) -> None:
    text = SEARCH + "objective: [{minimize: validation_loss}, {minimize: flash}]\n"
    trial = Trial(0, "finished", {}, 900, 9000, None, (Figures(1, 95.0, 0.2, 1.0),))
    assert trial.scores(search_of(tmp_path, text).search, 0) == (0.2, np.inf)


def test_a_budget_of_flash_holds_and_is_filled(tmp_path: Path) -> None:
    space = search_of(tmp_path, SEARCH.replace("max_params: 900, fill: 0.9", "max_flash: 2100, fill: 0.9")).space
    random = np.random.default_rng(0)
    found = [each for each in (space.fitted(space.draw(random)) for _ in range(20)) if each is not None]
    assert found
    assert all(0.9 * 2100 <= (int8_flash(each.spec.plan) or 0) <= 2100 for each in found)


@pytest.mark.slow
def test_flash_may_be_an_objective(cli: Cli, tmp_path: Path) -> None:
    text = SEARCH + "objective: [{minimize: validation_loss}, {minimize: flash}]\n"
    file = write_search(tmp_path, text.replace("fill: 0.9", "fill: 0.3"))
    outcome = cli("search", file, "--jobs", 1, "--output", tmp_path, "--quiet")
    assert outcome.code == 0
    study = open_study(tmp_path / "tiny")
    best = {
        each.name
        for each in study.result.finalists
        if not any(
            o.loss <= each.loss and (o.flash or 0) <= (each.flash or 0) and o != each for o in study.result.finalists
        )
    }
    assert {each.name for each in study.result.winners} == best
    table = rows(study.path / "trials.csv")
    assert list(table[0])[:7] == ["trial", "state", "parameters", "macs", "flash", "epochs", "accuracy"]
    finalist = study.result.finalists[0]
    assert int(table[finalist.trial]["flash"]) == finalist.flash
    assert f"{finalist.flash:,}" in outcome.out
