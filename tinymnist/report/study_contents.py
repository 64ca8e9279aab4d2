"""What the page about a search shows, as data."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tinymnist.report.study_importance import Importance, importance
from tinymnist.search.finals import finalists_so_far
from tinymnist.search.history import History, read_history
from tinymnist.search.ranking import order
from tinymnist.search.records import Finalist, StudyResult, Winner
from tinymnist.search.study import JOURNAL, Study, open_study
from tinymnist.search.trials import Figures, State, Trial

BEST = 10
"""Trials that are listed."""


@dataclass(frozen=True)
class Ended:
    """A training that has ended, in the order in which they did."""

    rung: int
    figures: Figures
    seconds: float
    """Of this training and of all before it."""


@dataclass(frozen=True)
class StudyContents:
    """A study as it is, finished or not."""

    study: Study
    history: History
    result: StudyResult | None
    """None where it is not finished."""
    finalists: Sequence[Finalist]
    """Best first; before the study is finished, those that have all their seeds."""

    @property
    def trials(self) -> Sequence[Trial]:
        return self.history.trials

    @property
    def winners(self) -> Sequence[Winner]:
        return [] if self.result is None else self.result.winners

    @property
    def by_loss(self) -> bool:
        """Whether loss says how good a network is, rather than accuracy."""
        return any(objective.measure == "validation_loss" for objective in self.study.file.search.objective)

    @property
    def trained(self) -> list[Trial]:
        """The trials with a training that has ended."""
        return [trial for trial in self.trials if trial.rungs]

    @property
    def front(self) -> list[Trial]:
        """Those that came to the end of the last rung and that no other one beats, fewest parameters first."""
        return self.study.front(self.history.trials)

    @property
    def best(self) -> list[Trial]:
        """The best few: those that were trained longest come first."""
        search, best = self.study.file.search, list[Trial]()
        for rung in reversed(range(len(search.rungs))):
            there = [trial for trial in self.trials if len(trial.rungs) == rung + 1]
            best += [there[place] for place in order([trial.scores(search, rung) for trial in there])]
        return best[:BEST]

    @cached_property
    def importance(self) -> Importance:
        """From what all trials have: the figures of their first training."""
        figures = [self.goodness(trial.rungs[0]) for trial in self.trained]
        return importance(self.study.file.space, self.trained, figures)

    @cached_property
    def ended(self) -> list[Ended]:
        """All trainings in the order in which they ended."""
        found, seconds = list[Ended](), 0.0
        for number, rung in self.history.trainings:
            figures = self.trials[number].rungs[rung]
            seconds += figures.seconds
            found.append(Ended(rung, figures, seconds))
        return found

    @property
    def epochs(self) -> int:
        """Of all trainings of all trials together."""
        return sum(each.figures.epochs for each in self.ended)

    @property
    def seconds(self) -> float:
        """Likewise."""
        return self.ended[-1].seconds if self.ended else 0.0

    def count(self, state: State) -> int:
        return sum(trial.state == state for trial in self.trials)

    def goodness(self, figures: Figures) -> float:
        """The figure that says how good a network is."""
        return figures.loss if self.by_loss else figures.accuracy


def read_study(path: Path) -> StudyContents:
    """Reads a study, and changes nothing in it. Raises as `open_study`, `read_history` and `finalists_so_far`."""
    study = open_study(path)
    history = read_history(study.path / JOURNAL, study.file.search, study.file.space)
    if study.finished:
        return StudyContents(study, history, study.result, study.result.finalists)
    return StudyContents(study, history, None, finalists_so_far(study, history.trials))
