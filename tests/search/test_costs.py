"""RAM and flash as budgets and objectives of a search."""

from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from tests.search.test_search import rows
from tests.support.command_line import Cli
from tests.support.searches import BASE, SEARCH, search_of, write_search
from tinymnist.errors import SpecError
from tinymnist.search.costs import amount, cell, known
from tinymnist.search.load import budget_text
from tinymnist.search.study import open_study
from tinymnist.search.trials import Figures, Trial
from tinymnist.spec.flash import int8_flash


@pytest.mark.parametrize("cost", ["ram", "flash"])
def test_a_network_without_a_program_has_the_worst_memory(tmp_path: Path, cost: str) -> None:
    text = SEARCH + f"objective: [{{minimize: validation_loss}}, {{minimize: {cost}}}]\n"
    trial = Trial(0, "finished", {}, 900, 9000, None, None, (Figures(1, 95.0, 0.2, 1.0),))
    assert trial.scores(search_of(tmp_path, text).search, 0) == (0.2, np.inf)


def test_a_budget_of_flash_holds_and_is_filled(tmp_path: Path) -> None:
    space = search_of(tmp_path, SEARCH.replace("max_params: 900, fill: 0.9", "max_flash: 2100, fill: 0.9")).space
    random = np.random.default_rng(0)
    found = [each for each in (space.fitted(space.draw(random)) for _ in range(20)) if each is not None]
    assert found
    assert all(0.9 * 2100 <= (int8_flash(each.spec.plan) or 0) <= 2100 for each in found)


@pytest.mark.parametrize("cost", ["ram", "flash"])
def test_a_search_about_memory_never_tries_a_network_without_a_program(tmp_path: Path, cost: str) -> None:
    text = SEARCH + f"objective: [{{minimize: validation_loss}}, {{minimize: {cost}}}]\n"
    text = text.replace("search:\n", "search:\n  defaults.norm: {choice: [batch, {kind: group, groups: 1}]}\n")
    space = search_of(tmp_path, text).space
    values = space.draw(np.random.default_rng(0))
    assert space.fitted({**values, "defaults.norm": "batch"}) is not None
    assert space.candidate({**values, "defaults.norm": '{"kind": "group", "groups": 1}'}) is None


def test_a_base_without_a_program_is_told_why_nothing_fits(tmp_path: Path) -> None:
    text = SEARCH.replace("max_params: 900, fill: 0.9", "max_ram: 800")
    base = BASE.replace("blocks:", "defaults: {norm: {kind: group, groups: 1}}\nblocks:")
    with pytest.raises(SpecError, match="none of 300 networks drawn is valid and has an int8 program, as any w"):
        search_of(tmp_path, text, base)


def test_what_the_base_allows_of_memory_holds_where_the_search_says_nothing_of_it(tmp_path: Path) -> None:
    base = BASE + "checks: {exact_params: 1000, max_params: 2000, max_macs: 15000, max_ram: 300}\n"
    space = search_of(tmp_path, SEARCH.replace("max_params: 900", "max_params: 900, max_macs: 20000"), base).space
    fitted = space.fitted(space.draw(np.random.default_rng(0)))
    limits = "900 parameters and 20,000 multiply-adds and 300 bytes of scratch memory in int8"
    assert budget_text(space) == f"90 to 100 % of {limits}, whichever is nearest"
    assert fitted is not None
    assert fitted.use <= 1
    checks = fitted.spec.checks
    assert (checks.exact_params, checks.max_params, checks.max_macs, checks.max_ram) == (None, 900, 20000, 300)


@pytest.mark.slow
@pytest.mark.parametrize("cost", ["ram", "flash"])
def test_memory_may_be_an_objective(cli: Cli, tmp_path: Path, cost: Literal["ram", "flash"]) -> None:
    text = SEARCH + f"objective: [{{minimize: validation_loss}}, {{minimize: {cost}}}]\n"
    file = write_search(tmp_path, text.replace("fill: 0.9", "fill: 0.3"))
    outcome = cli("search", file, "--jobs", 1, "--output", tmp_path, "--quiet")
    assert outcome.code == 0
    study = open_study(tmp_path / "tiny")
    best = {
        each.name
        for each in study.result.finalists
        if not any(
            o.loss <= each.loss and amount(o, cost) <= amount(each, cost) and o != each for o in study.result.finalists
        )
    }
    assert {each.name for each in study.result.winners} == best
    table = rows(study.path / "trials.csv")
    assert list(table[0])[:7] == ["trial", "state", "parameters", "macs", cost, "epochs", "accuracy"]
    finalist = study.result.finalists[0]
    assert int(table[finalist.trial][cost]) == known(finalist, cost)
    assert cell(finalist, cost) in outcome.out
