"""Studies with made-up figures: nothing is trained."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tests.support.searches import SEARCH, search_of
from tinymnist.search.journal import Journal
from tinymnist.search.study import JOURNAL, Study, create_study
from tinymnist.search.trials import Figures, Trial
from tinymnist.training.naming import NewName

RECORD = {
    "created": "2026-01-02T03:04:05+00:00",
    "command": ["tinymnist", "search", "search.yaml"],
    "dataset": "digits-8x8",
    "checksums": {},
    "data": None,
    "validation": 300,
    "device": "cpu",
    "threads": 1,
    "versions": {"tinymnist": "0.1.0"},
}
Figuring = Callable[[Trial], Sequence[Figures]]
"""Gives the figures of a network for each rung that it comes to."""


def new_study(folder: Path, text: str = SEARCH) -> Study:
    """A study that has not tried anything yet."""
    return create_study(folder, NewName("tiny", True), search_of(folder, text), RECORD)


def journal_of(study: Study) -> Journal:
    return Journal(study.path / JOURNAL, study.file.search, study.file.space)


def play(study: Study, trials: int, figures: Figuring) -> None:
    """Tries so many networks, one after another."""
    journal = journal_of(study)
    for _ in range(trials):
        trial = journal.propose()
        assert trial is not None
        for each in figures(trial):
            trial = journal.record(trial, each)
        journal.close(trial)


def stepwise(trial: Trial) -> Sequence[Figures]:
    """The later, the better; each third network gets to the second rung, where it gains 10 %."""
    first = Figures(1, 50.0 + trial.number, 2.0 - trial.number / 100, 1.5)
    second = Figures(2, 60.0 + trial.number, 1.0 - trial.number / 100, 3.0)
    return [first, second] if trial.number % 3 == 2 else [first]
