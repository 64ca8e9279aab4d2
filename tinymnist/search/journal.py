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
from tinymnist.search.origin import origin
from tinymnist.search.proposals import NETWORK, SpaceExhausted, distributions, is_proposal, sampler
from tinymnist.search.space import Candidate, Space
from tinymnist.search.trials import Figures, State, Trial
from tinymnist.spec.costs import COUNTS

LOCK_SUFFIX = ".lock"
RUNGS, _DIVERGED = "rungs", "diverged"


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
            if each.state == TrialState.RUNNING and not is_proposal(each):
                self._void(each)

    @property
    def trials(self) -> list[Trial]:
        """All networks in the order in which they were proposed."""
        found = enumerate(self._proposals())
        return [as_trial(number, each, len(self._search.rungs)) for number, each in found]

    def propose(self) -> Trial | None:
        """A new network, first of all the base, if it is in the space; None where none is left."""
        if not self._proposals() and (base := origin(self._space)) is not None:
            self._enqueue(base)
        try:
            asked = self._study.ask(distributions(self._space))
        except SpaceExhausted:
            self._void(self._study.get_trials(deepcopy=False)[-1])
            return None
        candidate = self._space.candidate(asked.params)
        assert candidate is not None
        costs = {cost: count(candidate.spec.plan) for cost, count in COUNTS.items()}
        asked.set_user_attr(NETWORK, {**costs, "digest": candidate.digest})
        return self.trials[-1]

    def record(self, trial: Trial, figures: Figures) -> Trial:
        """Keeps what came of the next rung of a trial."""
        rungs = [asdict(each) for each in (*trial.rungs, figures)]
        handle = self._handle(trial)
        handle.set_user_attr(RUNGS, rungs)
        if self._search.has_one_objective:
            (value,) = self._figures(trial, figures)
            handle.report(value, figures.epochs)
        return self.trials[trial.number]

    def close(self, trial: Trial) -> Trial:
        """Ends a trial that goes no further."""
        finished = len(trial.rungs) == len(self._search.rungs)
        if trial.rungs and (finished or not self._search.has_one_objective):
            self._study.tell(self._handle(trial), self._figures(trial, trial.rungs[-1]))
        else:
            self._study.tell(self._handle(trial), state=TrialState.PRUNED)
        return self.trials[trial.number]

    def close_diverged(self, trial: Trial) -> Trial:
        """Ends a trial whose loss was no longer finite."""
        handle = self._handle(trial)
        handle.set_user_attr(_DIVERGED, True)
        self._study.tell(handle, state=TrialState.PRUNED if self._search.has_one_objective else TrialState.FAIL)
        return self.trials[trial.number]

    def _enqueue(self, candidate: Candidate) -> None:
        if not self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):  # else a kill came before `ask`
            self._study.enqueue_trial(dict(candidate.values))

    def _void(self, trial: FrozenTrial) -> None:
        """Ends a trial whose proposal was cut off by a kill, or never came about."""
        self._study.tell(trial.number, state=TrialState.FAIL)

    def _proposals(self) -> list[FrozenTrial]:
        return [each for each in self._study.get_trials(deepcopy=False) if is_proposal(each)]

    def _handle(self, trial: Trial) -> optuna.Trial:
        """What Optuna keeps figures through; `ask` gives it, and after a restart there is no other way to have it."""
        return optuna.Trial(self._study, self._proposals()[trial.number]._trial_id)

    def _figures(self, trial: Trial, figures: Figures) -> tuple[float, ...]:
        return self._search.figures(figures.accuracy, figures.loss, trial)


def as_trial(number: int, found: FrozenTrial, all_rungs: int) -> Trial:
    """A trial of Optuna's that has a network, of a search with so many rungs."""
    rungs = tuple(Figures(**each) for each in found.user_attrs.get(RUNGS, ()))
    state: State = "dropped" if len(rungs) < all_rungs else "finished"
    if found.user_attrs.get(_DIVERGED):
        state = "diverged"
    elif found.state == TrialState.RUNNING:
        state = "running"
    network = found.user_attrs[NETWORK]
    costs = network["parameters"], network["macs"], network.get("ram"), network.get("flash")
    return Trial(number, state, found.params, *costs, rungs)


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
