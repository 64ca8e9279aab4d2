"""Learning rate and momentum: equal to torch's schedulers at every step."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.support.command_line import ARCHS, Cli
from tests.support.trainings import ENGINES, StopAfter
from tinymnist import load_spec, train
from tinymnist.errors import Interrupted
from tinymnist.spec.recipe import Train
from tinymnist.training import resume
from tinymnist.training.schedule import schedule


def torch_one_cycle(recipe: Train, steps: int) -> list[tuple[float, float]]:
    plan = recipe.schedule
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1, momentum=0.9)
    options = plan.model_dump(exclude={"name", "anneal"})
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, total_steps=steps, anneal_strategy="cos", **options)
    found = []
    for step in range(steps):
        group = optimizer.param_groups[0]
        found.append((group["lr"], group["momentum"]))
        optimizer.step()
        if step < steps - 1:
            scheduler.step()
    return found


def test_the_reference_recipe_is_torchs_one_cycle() -> None:
    recipe = load_spec(ARCHS / "tiny3130.yaml").train
    hyper = schedule(recipe, 118)
    found = [(at.lr, at.momentum) for at in map(hyper, range(20 * 118))]
    np.testing.assert_allclose(found, torch_one_cycle(recipe, 20 * 118), rtol=1e-14)


@settings(max_examples=100, deadline=None)
@given(
    epochs=st.integers(1, 5),
    steps=st.integers(3, 20),
    max_lr=st.floats(1e-4, 10),
    div=st.floats(1, 100),
    final=st.floats(1, 1e5),
    start=st.floats(0.05, 0.95),
)
def test_any_one_cycle_is_torchs(
    epochs: int, steps: int, max_lr: float, div: float, final: float, start: float
) -> None:
    assume(abs(start * epochs * steps - 1) > 1e-6)  # torch divides by zero where the peak is the very first step
    plan = {"name": "one_cycle", "max_lr": max_lr, "div_factor": div, "final_div_factor": final, "pct_start": start}
    recipe = Train.model_validate({"epochs": epochs, "schedule": plan})
    hyper = schedule(recipe, steps)
    found = [(at.lr, at.momentum) for at in map(hyper, range(epochs * steps))]
    for ours, torchs in zip(found, torch_one_cycle(recipe, epochs * steps), strict=True):
        assert ours == pytest.approx(torchs, rel=1e-9)


def test_cosine_warms_up_and_ends_at_its_final_rate() -> None:
    plan = {"name": "cosine", "lr": 1.0, "warmup_epochs": 1, "final_lr": 0.1}
    hyper = schedule(Train.model_validate({"epochs": 3, "schedule": plan}), 10)
    rates = [hyper(step).lr for step in range(30)]
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[10] == 1.0
    assert rates[29] == pytest.approx(0.1)


def torch_rates(
    kind: Callable[..., torch.optim.lr_scheduler.LRScheduler], epochs: int, **options: object
) -> list[float]:
    """The rate of each epoch, from 0.3."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    scheduler = kind(optimizer, **options)
    found = []
    for _ in range(epochs):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def rates_by_epoch(plan: dict[str, object], epochs: int, steps: int = 7) -> list[float]:
    """The rate of each epoch, the same at all its steps."""
    hyper = schedule(Train.model_validate({"epochs": epochs, "schedule": plan}), steps)
    rates = [hyper(step).lr for step in range(epochs * steps)]
    assert all(len(set(rates[first : first + steps])) == 1 for first in range(0, epochs * steps, steps))
    return rates[::steps]


@settings(deadline=None)
@given(epochs=st.integers(1, 60), every=st.integers(1, 70), factor=st.floats(0.01, 0.99))
def test_a_step_down_every_few_epochs_is_torchs(epochs: int, every: int, factor: float) -> None:
    found = rates_by_epoch({"name": "step", "lr": 0.3, "every": every, "factor": factor}, epochs)
    assert found == torch_rates(torch.optim.lr_scheduler.StepLR, epochs, step_size=every, gamma=factor)


@settings(deadline=None)
@given(milestones=st.sets(st.integers(1, 59), min_size=1), factor=st.floats(0.01, 0.99))
def test_steps_down_at_milestones_are_torchs(milestones: set[int], factor: float) -> None:
    given = sorted(milestones)
    found = rates_by_epoch({"name": "step", "lr": 0.3, "milestones": given, "factor": factor}, 60)
    assert found == torch_rates(torch.optim.lr_scheduler.MultiStepLR, 60, milestones=given, gamma=factor)


def test_steps_down_may_follow_a_warm_up() -> None:
    plan = {"name": "step", "lr": 1.0, "every": 2, "warmup_epochs": 0.4}
    hyper = schedule(Train.model_validate({"epochs": 3, "schedule": plan}), 10)
    rates = [hyper(step).lr for step in range(30)]
    assert rates[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert rates[4:20] == [1.0] * 16
    assert rates[20:] == [0.1] * 10


@settings(deadline=None)
@given(
    losses=st.lists(st.sampled_from([0.9, 0.5, 0.49999, 0.4999, 0.3, 0.1, 0.0]), max_size=40),
    patience=st.integers(0, 5),
    threshold=st.sampled_from([0.0, 1e-4, 0.1]),
    factor=st.floats(0.2, 0.99),
    min_lr=st.sampled_from([0.0, 0.01]),
)
def test_steps_down_on_a_plateau_are_torchs(
    losses: list[float], patience: int, threshold: float, factor: float, min_lr: float
) -> None:
    options = {"factor": factor, "patience": patience, "threshold": threshold, "min_lr": min_lr}
    recipe = Train.model_validate({"schedule": {"name": "plateau", "lr": 0.3, **options}})
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, "min", eps=0, **options)  # type: ignore[arg-type]
    for epoch, loss in enumerate(losses):
        assert schedule(recipe, 10, losses[:epoch])(10 * epoch).lr == optimizer.param_groups[0]["lr"]
        scheduler.step(loss)
    assert schedule(recipe, 10, losses)(0).lr == optimizer.param_groups[0]["lr"]


def test_constant_stays() -> None:
    hyper = schedule(Train.model_validate({"schedule": {"name": "constant", "lr": 0.3}}), 10)
    assert {hyper(step).lr for step in range(200)} == {0.3}


def test_adam_cycles_its_first_beta() -> None:
    recipe = Train.model_validate({"optimizer": {"name": "adamw"}, "schedule": {"name": "one_cycle", "max_lr": 0.01}})
    assert {round(schedule(recipe, 10)(step).momentum, 2) for step in (0, 199)} == {0.95}


PLATEAU = ["train.schedule={name: plateau, lr: 0.1, patience: 0, threshold: 0.3, factor: 0.5}", "train.epochs=5"]


@pytest.mark.parametrize("engine", ENGINES)
def test_on_a_plateau_the_held_out_loss_lowers_the_rate_and_a_resumed_training_ends_with_the_same_bits(
    quick: Path, tmp_path: Path, engine: str
) -> None:
    spec = load_spec(quick, [*PLATEAU, f"train.engine={engine}"])
    options: dict[str, Any] = {"seed": 1, "dataset": "mnist-5k", "validation": 500, "output": tmp_path}
    uncut = train(spec, name="uncut", **options)
    rows = uncut.read_metrics()
    rates, lowest = [0.1], rows[0].eval_loss
    for row in rows[1:-1]:
        rates.append(rates[-1])
        if row.eval_loss < 0.7 * lowest:
            lowest = row.eval_loss
        else:
            rates[-1] /= 2
    assert [row.lr for row in rows] == [0.1, *rates]
    assert rates[-1] < 0.1
    with pytest.raises(Interrupted):
        train(spec, name="cut", observer=StopAfter(9 * 3 + 4), **options)
    resumed = resume(tmp_path / "cut")
    assert resumed.result.weights_sha256 == uncut.result.weights_sha256
    assert [row.lr for row in resumed.read_metrics()] == [0.1, *rates]


@pytest.mark.parametrize("seeds", [[], ["--seeds", 2]], ids=["run", "series"])
def test_a_plateau_of_the_test_set_is_refused(cli: Cli, quick: Path, tmp_path: Path, seeds: list[object]) -> None:
    options = ["--set", PLATEAU[0], "--dataset", "mnist-5k", "--output", tmp_path / "runs", *seeds]
    outcome = cli("train", quick, *options)
    assert (outcome.code, outcome.err) == (
        2,
        "tinymnist: quick: train.schedule: plateau goes by the loss on held-out images, and the test set decides "
        "nothing: hold images out with --validation N\n",
    )
    assert not (tmp_path / "runs").exists()
