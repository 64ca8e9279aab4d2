"""The networks that a study has tried, and what came of their trainings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tinymnist.search.declaration import Search
from tinymnist.search.ranking import Scores
from tinymnist.search.space import Values

State = Literal["running", "dropped", "finished", "diverged"]


@dataclass(frozen=True)
class Figures:
    """What came of one training, on the held-out images."""

    epochs: int
    accuracy: float
    """Percent."""
    loss: float
    seconds: float


@dataclass(frozen=True)
class Trial:
    """A network that is tried."""

    number: int
    state: State
    values: Values
    parameters: int
    macs: int
    ram: int | None
    """Bytes of its scratch memory in int8 C; None where it has no such program, as in `flash`."""
    flash: int | None
    """An estimate of the bytes of its code and constants."""
    rungs: tuple[Figures, ...]
    """One for each training that is finished, shortest first."""

    @property
    def last(self) -> Figures:
        """What came of the longest training that is finished, of which there must be one."""
        return self.rungs[-1]

    def scores(self, search: Search, rung: int) -> Scores:
        """What it is judged by after a rung: figures of which less is better."""
        figures = self.rungs[rung]
        return search.scores(figures.accuracy, figures.loss, self)


def scores_at(rung: int, trials: Sequence[Trial], search: Search) -> list[Scores]:
    """The scores of all trials that have come to the end of a rung."""
    return [trial.scores(search, rung) for trial in trials if len(trial.rungs) > rung]
