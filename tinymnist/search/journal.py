"""The journal of a study: an Optuna study in one file that only grows, which Optuna's dashboard can read too."""

import logging
from dataclasses import asdict
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState

from tinymnist.errors import DataError
from tinymnist.search.declaration import Search
from tinymnist.search.proposals import SpaceExhausted, distributions, sampler
from tinymnist.search.space import Space
from tinymnist.search.trials import Figures, State, Trial

LOCK_SUFFIX = ".lock"
_RUNGS, _COUNTS, _DIVERGED = "rungs", "counts", "diverged"


class Journal:
    """Proposes networks, and keeps what came of them. One process at a time may have it open."""

    def __init__(self, path: Path, search: Search, space: Space) -> None:
        optuna.logging.set_verbosity(logging.ERROR)
        _mend(path)
        self._search, self._space = search, space
        lock = JournalFileOpenLock(str(path))
        self._study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(path), lock)),
            study_name=search.name,
            sampler=sampler(search.sampler, space, search.seed),
            directions=["minimize" if objective.maximize is None else "maximize" for objective in search.objective],
            load_if_exists=True,
        )
        for each in self._study.get_trials(deepcopy=False):
            if each.state == TrialState.RUNNING and _COUNTS not in each.user_attrs:
                self._void(each)

    @property
    def trials(self) -> list[Trial]:
        """All networks in the order in which they were proposed."""
        found = self._study.get_trials(deepcopy=False)
        return [_trial(each, len(self._search.rungs)) for each in found if _COUNTS in each.user_attrs]

    def propose(self) -> Trial | None:
        """A new network; None where none is left."""
        try:
            asked = self._study.ask(distributions(self._space))
        except SpaceExhausted:
            self._void(self._study.get_trials(deepcopy=False)[-1])
            return None
        candidate = self._space.candidate(asked.params)
        assert candidate is not None
        plan = candidate.spec.plan
        asked.set_user_attr(_COUNTS, {"parameters": plan.parameters, "macs": plan.macs})
        return self._trial(asked.number)

    def record(self, trial: Trial, figures: Figures) -> Trial:
        """Keeps what came of the next rung of a trial."""
        rungs = [asdict(each) for each in (*trial.rungs, figures)]
        handle = self._handle(trial)
        handle.set_user_attr(_RUNGS, rungs)
        if self._search.has_one_objective:
            handle.report(self._values(trial, figures)[0], figures.epochs)
        return self._trial(trial.number)

    def close(self, trial: Trial) -> Trial:
        """Ends a trial that goes no further."""
        finished = len(trial.rungs) == len(self._search.rungs)
        if trial.rungs and (finished or not self._search.has_one_objective):
            self._study.tell(trial.number, self._values(trial, trial.rungs[-1]))
        else:
            self._study.tell(trial.number, state=TrialState.PRUNED)
        return self._trial(trial.number)

    def close_diverged(self, trial: Trial) -> Trial:
        """Ends a trial whose loss was no longer finite."""
        self._handle(trial).set_user_attr(_DIVERGED, True)
        state = TrialState.PRUNED if self._search.has_one_objective else TrialState.FAIL
        self._study.tell(trial.number, state=state)
        return self._trial(trial.number)

    def _void(self, trial: FrozenTrial) -> None:
        """Ends a trial whose proposal was cut off by a kill, or never came about."""
        self._study.tell(trial.number, state=TrialState.FAIL)

    def _trial(self, number: int) -> Trial:
        return _trial(self._study.get_trials(deepcopy=False)[number], len(self._search.rungs))

    def _handle(self, trial: Trial) -> optuna.Trial:
        """What Optuna keeps figures through; `ask` gives it, and there is no other way to have it after a restart."""
        return optuna.Trial(self._study, self._study.get_trials(deepcopy=False)[trial.number]._trial_id)

    def _values(self, trial: Trial, figures: Figures) -> list[float]:
        found = {
            "validation_accuracy": figures.accuracy,
            "validation_loss": figures.loss,
            "parameters": float(trial.parameters),
            "macs": float(trial.macs),
        }
        return [found[objective.measure] for objective in self._search.objective]


def _trial(found: FrozenTrial, all_rungs: int) -> Trial:
    rungs = tuple(Figures(**each) for each in found.user_attrs.get(_RUNGS, ()))
    state: State = "dropped" if len(rungs) < all_rungs else "finished"
    if found.user_attrs.get(_DIVERGED):
        state = "diverged"
    elif found.state == TrialState.RUNNING:
        state = "running"
    return Trial(found.number, state, found.params, **found.user_attrs[_COUNTS], rungs=rungs)


def _mend(path: Path) -> None:
    """Removes what a killed process left behind: its lock, and half a line. Raises `DataError`."""
    try:
        path.with_name(path.name + LOCK_SUFFIX).unlink(missing_ok=True)
        with open(path, "a+b") as stream:
            stream.seek(0)
            content = stream.read()
            stream.truncate(content.rfind(b"\n") + 1)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}") from None
