"""How much each axis of a search decides: functional ANOVA."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.importance import FanovaImportanceEvaluator, get_param_importances

from tinymnist.search.proposals import distribution
from tinymnist.search.space import Axis, Space, Value
from tinymnist.search.trials import Trial

FEWEST = 10
"""Trials below which nothing can be said."""
MOST = 500
"""Trials that are looked at, evenly spaced among all; three times as many take half a minute."""


@dataclass(frozen=True)
class Importance:
    """Shares of how much figures differ between trials."""

    trials: int
    """Trials that it was computed from."""
    shares: Mapping[str, float]
    """By axis, the largest first; they add up to 1. Empty where nothing can be said."""


def importance(space: Space, trials: Sequence[Trial], figures: Sequence[float]) -> Importance:
    """How much of the variance of `figures`, one per trial, each axis alone explains, by a random forest: Hutter, Hoos
    and Leyton-Brown (2014), proceedings.mlr.press/v32/hutter14.html. A log axis is looked at on its log scale."""
    step = -(-len(trials) // MOST) or 1
    looked_at = list(zip(trials, figures, strict=True))[::step]
    if len(looked_at) < FEWEST or len(space.axes) < 2 or len({figure for _, figure in looked_at}) < 2:
        return Importance(len(looked_at), {})
    optuna.logging.set_verbosity(logging.ERROR)
    study = optuna.create_study()
    kinds = {axis.key: _seen_kind(axis) for axis in space.axes}
    for trial, figure in looked_at:
        values = {axis.key: _seen_value(axis, trial.values[axis.key]) for axis in space.axes}
        study.add_trial(optuna.trial.create_trial(params=values, distributions=kinds, value=figure))
    try:
        shares = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))
    except RuntimeError:  # no tree of the forest has found a difference
        return Importance(len(looked_at), {})
    return Importance(len(looked_at), {key: float(share) for key, share in shares.items()})


def _seen_kind(axis: Axis) -> BaseDistribution:
    """What the forest sees of an axis: of a choice the place of its option, since Optuna's time would double with each
    option more."""
    if axis.dimension.choice is not None:
        return IntDistribution(0, len(axis.options) - 1)
    if axis.dimension.log is not None:
        low, high = axis.dimension.log
        return FloatDistribution(math.log(low), math.log(high))
    return distribution(axis)


def _seen_value(axis: Axis, value: Value) -> Value:
    if axis.dimension.choice is not None:
        return list(axis.options).index(str(value))
    return math.log(float(value)) if axis.dimension.log is not None else value
