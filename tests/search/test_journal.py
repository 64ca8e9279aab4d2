"""Proposals and their figures are kept in one file, whatever happens to the process."""

import math
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from tests.support.searches import SEARCH, search_of
from tinymnist.search.journal import Journal
from tinymnist.search.load import SearchFile
from tinymnist.search.trials import Figures, Trial

SAMPLERS = ["tpe", "evolution", "random"]
SEVERAL = "trials: 5\nobjective: [{maximize: validation_accuracy}, {minimize: macs}]"


def varying(axes: str) -> str:
    """A search file that varies something else, and that every network fits."""
    before, after = SEARCH.index("search:\n"), SEARCH.index("dataset:")
    return (SEARCH[:before] + "search:\n" + axes + SEARCH[after:]).replace("fill: 0.9", "fill: 0")


def opened(folder: Path, file: SearchFile) -> Journal:
    return Journal(folder / "journal.log", file.search, file.space)


def loss(trial: Trial) -> float:
    """A figure that is best at a rate of 0.1 with a wide first convolution."""
    rate, width = (trial.values[key] for key in ("train.schedule.max_lr", "blocks[0].convs[0].out_channels"))
    return abs(math.log(float(rate) / 0.1)) + (12 - int(width)) / 10


def play(journal: Journal, trials: int) -> list[Trial]:
    """Trains nothing: each network gets figures that depend on its values alone."""
    for _ in range(trials):
        trial = journal.propose()
        assert trial is not None
        for epochs in (1, 2):
            trial = journal.record(trial, Figures(epochs, 100 - 10 * loss(trial), loss(trial), 1.0))
        journal.close(trial)
    return journal.trials


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_proposal_is_within_the_budget_and_new(tmp_path: Path, sampler: str) -> None:
    file = search_of(tmp_path, SEARCH + f"sampler: {sampler}\n")
    trials = play(opened(tmp_path, file), 30)
    assert [trial.number for trial in trials] == list(range(30))
    assert all(810 <= trial.parameters <= 900 for trial in trials)
    assert len({tuple(trial.values.items()) for trial in trials}) == 30


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_same_figures_lead_to_the_same_proposals_also_after_a_restart(tmp_path: Path, sampler: str) -> None:
    file = search_of(tmp_path, SEARCH + f"sampler: {sampler}\n")
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    uncut = play(opened(tmp_path / "one", file), 16)
    play(opened(tmp_path / "other", file), 13)
    resumed = play(opened(tmp_path / "other", file), 3)
    assert resumed == uncut


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["tpe", "evolution"])
def test_a_sampler_that_learns_comes_closer_than_chance(tmp_path: Path, sampler: str) -> None:
    means = {}
    for name in (sampler, "random"):
        (tmp_path / name).mkdir()
        file = search_of(tmp_path, SEARCH + f"sampler: {name}\n")
        means[name] = np.mean([loss(trial) for trial in play(opened(tmp_path / name, file), 60)[30:]])
    assert means[sampler] < 0.8 * means["random"]


def test_evolution_changes_one_or_two_values_of_a_recent_network(tmp_path: Path) -> None:
    axes = {
        "defaults.activation": "{choice: [relu, silu, gelu, hardswish]}",
        "train.schedule.max_lr": "{log: [0.02, 0.4]}",
        "train.optimizer.momentum": "{float: [0.5, 0.95]}",
        "train.batch_size": "{int: [16, 256]}",
        "train.optimizer.weight_decay": "{log: [0.0001, 0.01]}",
    }
    text = "".join(f"  {key}: {dimension}\n" for key, dimension in axes.items())
    file = search_of(tmp_path, varying(text) + "sampler: evolution\n")
    journal, trials = opened(tmp_path, file), []
    for number in range(30):
        trial = journal.propose()
        assert trial is not None
        trials.append(journal.close(journal.record(trial, Figures(1, 50.0, float(number % 7), 1.0))))
    for trial in trials[10:]:
        changed = min(sum(trial.values[key] != other.values[key] for key in axes) for other in trials[: trial.number])
        assert changed in (1, 2)


@pytest.mark.parametrize("objective", ["trials: 5", SEVERAL], ids=["one", "several"])
def test_what_was_kept_is_there_after_a_restart(tmp_path: Path, objective: str) -> None:
    file = search_of(tmp_path, SEARCH.replace("trials: 5", objective))
    journal = opened(tmp_path, file)
    first, second, third, fourth = (journal.propose() for _ in range(4))
    assert first is not None
    assert second is not None
    assert third is not None
    journal.close(journal.record(first, Figures(1, 50.0, 1.5, 0.1)))
    journal.close(journal.record(journal.record(second, Figures(1, 60.0, 1.0, 0.1)), Figures(2, 70.0, 0.5, 0.2)))
    journal.close_diverged(third)
    found = opened(tmp_path, file).trials
    assert found == journal.trials
    assert [trial.state for trial in found] == ["dropped", "finished", "diverged", "running"]
    assert [trial.rungs for trial in found[1:]] == [(Figures(1, 60.0, 1.0, 0.1), Figures(2, 70.0, 0.5, 0.2)), (), ()]
    assert found[3] == fourth


def test_half_a_line_and_a_lock_that_a_kill_left_do_not_matter(tmp_path: Path) -> None:
    file = search_of(tmp_path)
    trials = play(opened(tmp_path, file), 3)
    with open(tmp_path / "journal.log", "ab") as stream:
        stream.write(b'{"op_code":4,"worker')
    (tmp_path / "journal.log.lock").touch()
    began = datetime.now()
    journal = opened(tmp_path, file)
    assert journal.trials == trials
    assert play(journal, 1)[:3] == trials
    assert (datetime.now() - began).total_seconds() < 20  # Optuna waits 30 s for a lock that nobody holds


def test_a_proposal_cut_off_anywhere_is_made_again(tmp_path: Path) -> None:
    file = search_of(tmp_path)
    play(opened(tmp_path, file), 2)
    whole = (tmp_path / "journal.log").read_bytes()
    expected = opened(tmp_path, file).propose()
    lines = (tmp_path / "journal.log").read_bytes()[len(whole) :].splitlines(keepends=True)
    assert len(lines) > 5
    for kept in range(len(lines)):
        (tmp_path / "journal.log").write_bytes(whole + b"".join(lines[:kept]))
        journal = opened(tmp_path, file)
        assert len(journal.trials) == 2
        assert journal.propose() == expected


def test_a_space_without_new_networks_is_exhausted(tmp_path: Path) -> None:
    file = search_of(tmp_path, varying("  defaults.activation: {choice: [relu, silu]}\n"))
    journal = opened(tmp_path, file)
    found = [journal.propose() for _ in range(2)]
    assert sorted(str(trial.values["defaults.activation"]) for trial in found if trial) == ["relu", "silu"]
    assert journal.propose() is None
    assert opened(tmp_path, file).propose() is None
