"""The space of a search: every network that it gives is within the budget, and uses it."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.support.searches import BASE, SEARCH, search_of
from tinymnist import build_model
from tinymnist.search.forecast import forecast
from tinymnist.search.space import Space, option_text
from tinymnist.spec.scratch import int8_ram


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Space:
    return search_of(tmp_path_factory.mktemp("space")).space


@given(seed=st.integers(0, 2**32))
@settings(max_examples=25)
def test_a_fitted_network_uses_ninety_to_a_hundred_percent_of_the_budget(space: Space, seed: int) -> None:
    found = space.fitted(space.draw(np.random.default_rng(seed)))
    assume(found is not None)
    assert found is not None
    assert 810 <= found.spec.plan.parameters <= 900
    assert found.use == found.spec.plan.parameters / 900


@given(seed=st.integers(0, 2**32))
@settings(max_examples=25)
def test_fitted_values_are_possible_ones_and_make_that_network(space: Space, seed: int) -> None:
    drawn = space.draw(np.random.default_rng(seed))
    found = space.fitted(drawn)
    assume(found is not None)
    assert found is not None
    assert 2 <= int(found.values["deep"]) <= 24
    assert int(found.values["deep"]) % 2 == 0
    assert all(2 <= int(found.values[f"blocks[0].convs[{place}].out_channels"]) <= 12 for place in (0, 1))
    assert space.candidate(found.values) == found
    assert all(found.values[key] == drawn[key] for key in ("defaults.activation", "train.schedule.max_lr"))


def test_a_network_has_the_parameters_that_were_counted(space: Space) -> None:
    found = space.fitted(space.draw(np.random.default_rng(0)))
    assert found is not None
    assert sum(each.numel() for each in build_model(found.spec).parameters()) == found.spec.plan.parameters


def test_widths_are_scaled_together_and_what_rounding_leaves_is_filled(space: Space) -> None:
    keys = [axis.key for axis in space.widths]
    found = space.fitted({**space.draw(np.random.default_rng(0)), **dict(zip(keys, (2, 4, 20), strict=True))})
    assert found is not None
    # 0.6 times as wide is 2 (at least), 2 and 12: 808 parameters. One more for the second takes 165, for the first 30.
    assert [found.values[key] for key in keys] == [5, 2, 12]


def test_a_network_is_named_after_the_search_and_held_to_its_budget(space: Space) -> None:
    spec = space.document(space.draw(np.random.default_rng(0))).spec
    assert (spec.name, spec.checks.max_params, spec.checks.max_macs) == ("tiny", 900, None)


def test_a_basis_that_a_network_does_not_use_is_not_in_its_spec(tmp_path: Path) -> None:
    kinds = 'kinds: {choice: [{out_channels: 4}, {out_channels: 4, basis: stroke}], paths: ["blocks[1].convs[0]"]}'
    text = SEARCH.replace("search:\n", f"search:\n  {kinds}\n")
    space = search_of(tmp_path, text).space
    values = space.draw(np.random.default_rng(0))
    for option, names in zip(space.axes[0].options, ([], ["stroke"]), strict=True):
        spec = space.document({**values, "kinds": option}).spec
        assert list(spec.bases or {}) == names


def test_a_value_may_go_to_several_places(tmp_path: Path) -> None:
    both = '["blocks[0].convs[1].out_channels", "blocks[1].convs[0].out_channels"]'
    text = SEARCH.replace('["blocks[1].convs[0].out_channels"]', both).replace(
        '  "blocks[0].convs[1].out_channels": {int: [2, 12]}\n', ""
    )
    space = search_of(tmp_path, text).space
    spec = space.document({**space.draw(np.random.default_rng(0)), "deep": 8}).spec
    assert (spec.blocks[0].convs[1].out_channels, spec.blocks[1].convs[0].out_channels) == (8, 8)


def test_rules_of_the_base_hold_for_every_network(tmp_path: Path) -> None:
    text = SEARCH.replace("search:\n", 'search:\n  "blocks[0].pool": {choice: [max, average]}\n')
    space = search_of(tmp_path, text, BASE + "checks: {require: [average_pool]}\n").space
    values = space.draw(np.random.default_rng(0))
    assert space.fitted({**values, "blocks[0].pool": "max"}) is None
    assert space.fitted({**values, "blocks[0].pool": "average"}) is not None


def test_several_budgets_hold_at_once(tmp_path: Path) -> None:
    text = SEARCH.replace("max_params: 900, fill: 0.9", "max_params: 900, max_macs: 12000, fill: 0.8")
    space = search_of(tmp_path, text).space
    random = np.random.default_rng(0)
    found = [each for each in (space.fitted(space.draw(random)) for _ in range(50)) if each is not None]
    assert found
    for each in found:
        plan = each.spec.plan
        assert each.use == max(plan.parameters / 900, plan.macs / 12000)
        assert 0.8 <= each.use <= 1


def test_where_little_is_wanted_small_networks_stay_small(tmp_path: Path) -> None:
    text = (
        SEARCH.replace("fill: 0.9", "fill: 0.1") + "objective: [{minimize: validation_loss}, {minimize: parameters}]\n"
    )
    space = search_of(tmp_path, text).space
    random = np.random.default_rng(0)
    drawn = [space.draw(random) for _ in range(50)]
    for values in drawn:
        asked, found = space.candidate(values), space.fitted(values)
        assert asked is not None
        assert found is not None
        assert found.values == values if asked.use <= 1 else 0.9 < found.use <= 1
    assert any(asked.use < 0.7 for asked in map(space.candidate, drawn) if asked)


def test_a_budget_of_memory_holds_and_is_filled(tmp_path: Path) -> None:
    text = SEARCH.replace("max_params: 900, fill: 0.9", "max_ram: 800, fill: 0.8")
    space = search_of(tmp_path, text).space
    random = np.random.default_rng(0)
    found = [each for each in (space.fitted(space.draw(random)) for _ in range(20)) if each is not None]
    assert found
    for each in found:
        assert 640 <= (int8_ram(each.spec.plan) or 0) <= 800
        assert each.spec.checks.max_ram == 800


def test_a_network_without_an_int8_program_is_over_any_budget_of_memory(tmp_path: Path) -> None:
    text = SEARCH.replace("max_params: 900, fill: 0.9", "max_ram: 1000000, fill: 0").replace(
        "search:\n", "search:\n  defaults.norm: {choice: [batch, {kind: group, groups: 1}]}\n"
    )
    space = search_of(tmp_path, text).space
    values = space.draw(np.random.default_rng(0))
    assert space.fitted({**values, "defaults.norm": "batch"}) is not None
    assert space.fitted({**values, "defaults.norm": '{"kind": "group", "groups": 1}'}) is None


@pytest.mark.parametrize(
    ("option", "text"),
    [("max", "max"), (3, "3"), (None, "null"), ({"kind": "max", "stride": 1}, '{"kind": "max", "stride": 1}')],
    ids=["word", "number", "nothing", "mapping"],
)
def test_an_option_is_shown_as_text(option: object, text: str) -> None:
    assert option_text(option) == text


def test_a_forecast_counts_the_space_and_what_fits(tmp_path: Path) -> None:
    text = SEARCH.replace("  train.schedule.max_lr: {log: [0.02, 0.4]}\n", "")
    found = forecast(search_of(tmp_path, text), drawn=60)
    assert (found.networks, found.trainings, found.epochs) == (11 * 11 * 12 * 2, (5.0, 2.0), 9.0)
    assert (found.drawn, found.valid) == (60, 1.0)
    assert 0 < found.fitting < 0.2 < 0.9 < found.scaled <= 1
    assert found.epochs_of_finals == 3 * 2 * 2
