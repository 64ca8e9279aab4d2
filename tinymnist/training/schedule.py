"""Learning rate and momentum as pure functions of the step, and for `plateau` of the losses so far, so that resuming
needs no further state."""

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from tinymnist.numerics import cosine
from tinymnist.spec.recipe import Adam, Train
from tinymnist.spec.schedules import Falling, OneCycle, Plateau, Step


@dataclass(frozen=True, slots=True)
class Hyper:
    """Learning rate and momentum of one step."""

    lr: float
    momentum: float
    """SGD's momentum, or Adam's beta1."""


def schedule(recipe: Train, steps_per_epoch: int, losses: Sequence[float] = ()) -> Callable[[int], Hyper]:
    """The function from a step, counted from 0 over the whole training, to its learning rate and momentum.

    `losses` are those of the scored images after each finished epoch; with `plateau`, the function is right for the
    epoch that follows.
    """
    steps = recipe.epochs * steps_per_epoch
    optimizer = recipe.optimizer
    momentum = optimizer.beta1 if isinstance(optimizer, Adam) else optimizer.momentum
    plan = recipe.schedule
    if isinstance(plan, OneCycle):
        return lambda step: _one_cycle(plan, step, steps, momentum)
    if isinstance(plan, Falling):
        return lambda step: Hyper(_falling(plan, step, steps, steps_per_epoch), momentum)
    if isinstance(plan, Step):
        rates, warmup = _step_rates(plan, recipe.epochs), plan.warmup_epochs * steps_per_epoch
        return lambda step: Hyper(rates[step // steps_per_epoch] * min(1.0, (step + 1) / (warmup + 1)), momentum)
    rate = _plateau_rate(plan, losses) if isinstance(plan, Plateau) else plan.lr
    return lambda step: Hyper(rate, momentum)


def _one_cycle(plan: OneCycle, step: int, steps: int, momentum: float) -> Hyper:
    """`torch.optim.lr_scheduler.OneCycleLR` with two phases: up to `peak`, then down to the last step."""
    first = plan.max_lr / plan.div_factor
    last = first / plan.final_div_factor
    peak = plan.pct_start * steps - 1
    if step <= peak:
        share, lrs, momenta = (
            step / peak if peak else 1.0,
            (first, plan.max_lr),
            (plan.max_momentum, plan.base_momentum),
        )
    else:
        share = (step - peak) / (steps - 1 - peak)
        lrs, momenta = (plan.max_lr, last), (plan.base_momentum, plan.max_momentum)
    anneal = _cos if plan.anneal == "cos" else _linear
    cycles = plan.cycle_momentum and momentum > 0
    return Hyper(anneal(*lrs, share), anneal(*momenta, share) if cycles else momentum)


def _falling(plan: Falling, step: int, steps: int, steps_per_epoch: int) -> float:
    warmup = plan.warmup_epochs * steps_per_epoch
    if step < warmup:
        return plan.lr * (step + 1) / (warmup + 1)
    anneal = _cos if plan.name == "cosine" else _linear
    return anneal(plan.lr, plan.final_lr, (step - warmup) / max(1.0, steps - 1 - warmup))


def _step_rates(plan: Step, epochs: int) -> list[float]:
    """The rate of each epoch, but for the warm-up. One factor at a time, so that it has the bits of torch's."""
    factors = (plan.factor if plan.falls_after(done) else 1.0 for done in range(1, epochs))
    return [*accumulate(factors, operator.mul, initial=plan.lr)]


def _plateau_rate(plan: Plateau, losses: Sequence[float]) -> float:
    """The rate after epochs with these losses, as `ReduceLROnPlateau` reaches it by default."""
    rate, lowest, waited = plan.lr, math.inf, 0
    for loss in losses:
        lowest, waited = (loss, 0) if loss < lowest * (1.0 - plan.threshold) else (lowest, waited + 1)
        if waited > plan.patience:
            rate, waited = max(rate * plan.factor, plan.min_lr), 0
    return rate


def _cos(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2.0 * (1 + cosine(math.pi * share))


def _linear(start: float, end: float, share: float) -> float:
    return start + (end - start) * share
