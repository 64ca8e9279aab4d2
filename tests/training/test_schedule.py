"""Learning rate and momentum: equal to torch's schedulers at every step."""

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


def test_constant_stays() -> None:
    hyper = schedule(Train.model_validate({"schedule": {"name": "constant", "lr": 0.3}}), 10)
    assert {hyper(step).lr for step in range(200)} == {0.3}


def test_adam_cycles_its_first_beta() -> None:
    recipe = Train.model_validate({"optimizer": {"name": "adamw"}, "schedule": {"name": "one_cycle", "max_lr": 0.01}})
    assert {round(schedule(recipe, 10)(step).momentum, 2) for step in (0, 199)} == {0.95}
