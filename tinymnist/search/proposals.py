"""Proposals of networks by Optuna, all of them within the budget."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from tinymnist.search.ranking import order
from tinymnist.search.space import Axis, Space, Value, Values

TRIES = 300
"""Networks that are drawn for one proposal before there seem to be none left."""

POPULATION, CONTESTANTS = 50, 10
"""Ageing evolution: the last networks that may be parents, and how many of them compete to be one. Real, Aggarwal,
Huang and Le (2019, arXiv 1802.01548) let a quarter of the last 100 compete; there are fewer networks here."""

Draw = Callable[[Study, FrozenTrial, np.random.Generator], Mapping[str, Any]]
"""Draws values, which need not fit the budget; nothing where there is nothing yet to learn from."""


NETWORK = "network"
"""The attribute of a trial that tells of its network; a trial without it was cut off by a kill, and is none."""


def is_proposal(trial: FrozenTrial) -> bool:
    """Whether a trial of Optuna's has a network."""
    return NETWORK in trial.user_attrs


class SpaceExhausted(Exception):
    """No network is left that fits and has not been tried."""


class WithinBudget(BaseSampler):
    """Proposes what `draw` does, or a random network where that proposes nothing, with widths scaled to the budget.

    A network that does not fit is drawn again, and so is one that was tried before. What is random depends on the seed
    and on the number of networks before.
    """

    def __init__(self, space: Space, seed: int, draw: Draw) -> None:
        self._space, self._seed, self._draw = space, seed, draw
        self._distributions = distributions(space)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._distributions

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        before = [each for each in study.get_trials(deepcopy=False) if is_proposal(each)]
        tried = {each.user_attrs[NETWORK]["digest"] for each in before}
        random = np.random.default_rng([self._seed, len(before)])
        for _ in range(TRIES):
            found = self._space.fitted(self._draw(study, trial, random) or self._space.draw(random))
            if found is not None and found.digest not in tried:
                return dict(found.values)
        raise SpaceExhausted

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        raise NotImplementedError("all values are drawn together")


def sampler(name: str, space: Space, seed: int) -> BaseSampler:
    """The sampler of that name: `tpe`, `evolution` or `random`."""
    draws: dict[str, Draw] = {"tpe": _Tpe(space), "evolution": _Evolution(space), "random": lambda *_: {}}
    return WithinBudget(space, seed, draws[name])


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """The axes as Optuna knows them."""
    return {axis.key: distribution(axis) for axis in space.axes}


def distribution(axis: Axis) -> BaseDistribution:
    """One axis as Optuna knows it."""
    if axis.dimension.choice is not None:
        return CategoricalDistribution(list(axis.options))
    if axis.dimension.whole is not None:
        low, high, step = axis.bounds
        return IntDistribution(low, high, step=step)
    if axis.dimension.log is not None:
        return FloatDistribution(*axis.dimension.log, log=True)
    assert axis.dimension.real is not None
    return FloatDistribution(*axis.dimension.real)


def _ended(trial: FrozenTrial) -> datetime:
    assert trial.datetime_complete is not None
    return trial.datetime_complete


class _Tpe:
    """The tree-structured Parzen estimator of Optuna, which counts networks in training as poor ones, so that those
    proposed at the same time differ."""

    def __init__(self, space: Space) -> None:
        self._distributions = distributions(space)
        self._sampler: tuple[int, TPESampler] | None = None

    def __call__(self, study: Study, trial: FrozenTrial, random: np.random.Generator) -> Mapping[str, Any]:
        if self._sampler is None or self._sampler[0] != trial.number:
            self._sampler = trial.number, TPESampler(seed=int(random.integers(2**31)), constant_liar=True)
        return self._sampler[1].sample_relative(study, trial, self._distributions)


class _Evolution:
    """Ageing evolution: the best of some recent networks, with one or two values drawn anew or moved a little."""

    def __init__(self, space: Space) -> None:
        self._space = space

    def __call__(self, study: Study, trial: FrozenTrial, random: np.random.Generator) -> Values:
        states = TrialState.COMPLETE, TrialState.PRUNED
        done = study.get_trials(deepcopy=False, states=states)
        if len(done) < CONTESTANTS:
            return {}
        recent = sorted(done, key=_ended)[-POPULATION:]
        chosen = random.choice(len(recent), CONTESTANTS, replace=False)
        values = dict(_best(study, [recent[index] for index in chosen]).params)
        axes = self._space.axes
        for index in random.choice(len(axes), min(len(axes), int(random.integers(1, 3))), replace=False):
            values[axes[index].key] = _moved(axes[index], values[axes[index].key], random)
        return values


def _moved(axis: Axis, value: Any, random: np.random.Generator) -> Value:
    """Another value of an axis: of a choice any, of numbers one within a quarter of their range."""
    if axis.dimension.choice is not None:
        return axis.draw(random)
    if axis.dimension.whole is not None:
        least, most, step = axis.bounds
        reach = max(step, (most - least) // 4)
        return axis.nearest(value + random.choice([-1, 1]) * random.integers(step, reach + 1))
    if axis.dimension.log is not None:
        low, high = axis.dimension.log
        return float(np.clip(value * (high / low) ** random.uniform(-0.25, 0.25), low, high))
    assert axis.dimension.real is not None
    low, high = axis.dimension.real
    return float(np.clip(value + (high - low) * random.uniform(-0.25, 0.25), low, high))


def _best(study: Study, trials: Sequence[FrozenTrial]) -> FrozenTrial:
    """The best of some trials: of those that were trained longest, the best by what they were told."""
    if len(study.directions) > 1:
        signs = [-1 if direction == StudyDirection.MAXIMIZE else 1 for direction in study.directions]
        scores = [tuple(sign * value for sign, value in zip(signs, each.values or (), strict=True)) for each in trials]
        return trials[order(scores)[0]]
    sign = -1 if study.direction == StudyDirection.MAXIMIZE else 1
    return min(trials, key=lambda each: (-(each.last_step or 0), math.inf if each.value is None else sign * each.value))
