"""The trials of a study for those who only look: nothing in its folder is written, locked or changed."""

import json
import logging
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import OptunaError
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from pydantic import TypeAdapter

from tinymnist.errors import DataError
from tinymnist.files import read_bytes
from tinymnist.search.declaration import Search
from tinymnist.search.journal import RUNGS, as_trial
from tinymnist.search.proposals import distributions, is_proposal
from tinymnist.search.space import Space
from tinymnist.search.trials import Trial

_DAMAGED = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What Optuna may raise about the lines of a journal that no program has written."""
_WHOLE = TypeAdapter(Trial)


@dataclass(frozen=True)
class History:
    """What has happened in a study so far."""

    trials: list[Trial]
    """All networks in the order in which they were proposed."""
    trainings: list[tuple[int, int]]
    """The numbers of a trial and of its rung, for each training in the order in which they ended."""


def read_history(path: Path, search: Search, space: Space) -> History:
    """Reads a journal that a search may be writing to: half a line at its end has not happened yet, nor has anything
    where there is no file. Raises `DataError`."""
    if not path.exists():
        return History([], [])
    content = read_bytes(path)
    optuna.logging.set_verbosity(logging.ERROR)
    try:
        logs = [json.loads(line) for line in content[: content.rfind(b"\n") + 1].splitlines()]
        found = _proposals(logs, search.name)
        trials = [as_trial(number, each, len(search.rungs)) for number, each in enumerate(found)]
        for trial in trials:
            _refuse_foreign(trial, search, space)
        return History(trials, _trainings(logs, {each._trial_id: number for number, each in enumerate(found)}))
    except (*_DAMAGED, OptunaError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(f"{path}: is damaged: {reason}") from None


class _Lines(BaseJournalBackend):
    """The lines of a journal that have been read."""

    def __init__(self, logs: list[dict[str, Any]]) -> None:
        self._logs = logs

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        return self._logs[log_number_from:]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        raise AssertionError("a journal that is only read")


def _proposals(logs: list[dict[str, Any]], name: str) -> list[optuna.trial.FrozenTrial]:
    """The trials that have a network; none where the study was not even begun."""
    storage = JournalStorage(_Lines(logs))
    if name not in {each.study_name for each in storage.get_all_studies()}:
        return []
    study = optuna.load_study(study_name=name, storage=storage)
    return [each for each in study.get_trials(deepcopy=False) if is_proposal(each)]


def _trainings(logs: list[dict[str, Any]], numbers: dict[int, int]) -> list[tuple[int, int]]:
    kept = [(log["trial_id"], len(log["user_attr"][RUNGS])) for log in logs if RUNGS in log.get("user_attr", ())]
    return [(numbers[trial], rungs - 1) for trial, rungs in kept]


def _refuse_foreign(trial: Trial, search: Search, space: Space) -> None:
    """Raises `ValueError` where a trial is not one of this search."""
    _WHOLE.validate_python(asdict(trial))
    kinds = distributions(space)
    if set(trial.values) != set(kinds):
        raise ValueError(f"trial {trial.number} has not the values of this search")
    for key, value in trial.values.items():
        if not kinds[key]._contains(kinds[key].to_internal_repr(value)):
            raise ValueError(f"trial {trial.number} has a value that {key} cannot take")
    figures = [number for each in trial.rungs for number in (each.accuracy, each.loss, each.seconds)]
    if len(trial.rungs) > len(search.rungs) or not all(map(math.isfinite, figures)):
        raise ValueError(f"trial {trial.number} has figures that no training gives")
