"""How much each axis of a search decides: functional ANOVA."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.importance import FanovaImportanceEvaluator, get_param_importances

from tinymnist.search.proposals import distributions
from tinymnist.search.space import Space, Value
from tinymnist.search.trials import Trial

FEWEST = 10
"""Trials below which nothing can be said."""
MOST = 2000
"""Trials that are looked at, evenly spaced among all; more take minutes."""


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
    kinds = {key: _as_seen(kind) for key, kind in distributions(space).items()}
    step = -(-len(trials) // MOST) or 1
    looked_at = list(zip(trials, figures, strict=True))[::step]
    if len(looked_at) < FEWEST or len(kinds) < 2 or len({figure for _, figure in looked_at}) < 2:
        return Importance(len(looked_at), {})
    optuna.logging.set_verbosity(logging.ERROR)
    study = optuna.create_study()
    logs = {axis.key for axis in space.axes if axis.dimension.log is not None}
    for trial, figure in looked_at:
        values: dict[str, Value] = {
            key: math.log(float(value)) if key in logs else value for key, value in trial.values.items()
        }
        study.add_trial(optuna.trial.create_trial(params=values, distributions=kinds, value=figure))
    try:
        shares = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))
    except RuntimeError:  # no tree of the forest has found a difference
        return Importance(len(looked_at), {})
    return Importance(len(looked_at), {key: float(share) for key, share in shares.items()})


def _as_seen(kind: BaseDistribution) -> BaseDistribution:
    if isinstance(kind, FloatDistribution) and kind.log:
        return FloatDistribution(math.log(kind.low), math.log(kind.high))
    return kind
