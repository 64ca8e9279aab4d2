"""Learning rate and momentum: equal to torch's schedulers at every step."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.support.command_line import ARCHS
from tinymnist import load_spec
from tinymnist.spec.recipe import Train
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
    assert found == torch_one_cycle(recipe, 20 * 118)


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


def test_constant_stays() -> None:
    hyper = schedule(Train.model_validate({"schedule": {"name": "constant", "lr": 0.3}}), 10)
    assert {hyper(step).lr for step in range(200)} == {0.3}


def test_adam_cycles_its_first_beta() -> None:
    recipe = Train.model_validate({"optimizer": {"name": "adamw"}, "schedule": {"name": "one_cycle", "max_lr": 0.01}})
    assert {round(schedule(recipe, 10)(step).momentum, 2) for step in (0, 199)} == {0.95}
