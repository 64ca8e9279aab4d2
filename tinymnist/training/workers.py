"""Who trains many tasks: this process, one after another, or something that trains several at once."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from tinymnist.errors import Interrupted, TinyMnistError
from tinymnist.notices import Notice
from tinymnist.signals import StopRequest
from tinymnist.training.observer import EpochRow, Observer, Step
from tinymnist.training.records import Result
from tinymnist.training.task import Task, train_task

Ended = tuple[Task, Result | TinyMnistError]
"""A task, and what came of it."""


class Told(Protocol):
    """Is told of the events of several trainings, by the keys of their tasks."""

    def warned(self, notice: Notice) -> None: ...

    def stepped(self, key: int, step: Step) -> None: ...

    def epoch_ended(self, key: int, row: EpochRow) -> None: ...


class Workers(ABC):
    """Trains tasks. Used as a context: in the end, trainings that are still going on are stopped, each with a
    checkpoint."""

    threads: int | None = 1
    """CPU threads of a training for which no number is asked; None: PyTorch's choice."""

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    @abstractmethod
    def slots(self) -> int:
        """How many tasks go on at once; it may change."""

    @property
    def room(self) -> int:
        """How many more tasks keep it busy."""
        return self.slots - self.busy

    @property
    @abstractmethod
    def busy(self) -> int:
        """How many tasks have not ended."""

    @abstractmethod
    def submit(self, tasks: Sequence[Task]) -> None:
        """Adds tasks to those that wait."""

    @abstractmethod
    def ended(self, observer: Told) -> list[Ended]:
        """Waits a while, and returns the tasks that have ended since; `observer` is told what happens meanwhile."""

    @abstractmethod
    def stop(self) -> None:
        """Drops the tasks that wait, and stops those that are going on, each with a checkpoint."""

    @abstractmethod
    def close(self) -> None:
        """Stops everything, and frees what was used."""


class InTurn(Workers):
    """Trains one task after another in this process, which its signals stop."""

    threads: int | None = None

    def __init__(self) -> None:
        self._waiting: deque[Task] = deque()

    slots = 1

    @property
    def busy(self) -> int:
        return len(self._waiting)

    def submit(self, tasks: Sequence[Task]) -> None:
        self._waiting.extend(tasks)

    def ended(self, observer: Told) -> list[Ended]:
        if not self._waiting:
            return []
        task = self._waiting.popleft()
        try:
            return [(task, train_task(task, _Relay(task.key, observer)))]
        except TinyMnistError as error:
            return [(task, error)]

    def stop(self) -> None:
        self._waiting.clear()

    def close(self) -> None:
        self.stop()


class _Relay(Observer):
    """Tells the observer of several trainings about one, in the same process."""

    def __init__(self, key: int, observer: Told) -> None:
        self._key, self._observer = key, observer

    def warned(self, notice: Notice) -> None:
        self._observer.warned(notice)

    def stepped(self, step: Step) -> None:
        self._observer.stepped(self._key, step)

    def epoch_ended(self, row: EpochRow) -> None:
        self._observer.epoch_ended(self._key, row)


def train_all(
    tasks: Sequence[Task], workers: Workers, told: Told, stop: StopRequest, ended: Callable[[Task, Result], None]
) -> None:
    """Trains all tasks, tells `told` of what happens, and calls `ended` for each that has ended.

    Once `stop` is set, the trainings that are going on write a checkpoint and end, and `Interrupted` is raised. An
    error of one stops the others as well; the first is raised.
    """
    problem: TinyMnistError | None = None
    workers.submit(tasks)
    while workers.busy:
        if stop or problem:
            workers.stop()
        for task, outcome in workers.ended(told):
            if isinstance(outcome, Result):
                ended(task, outcome)
            else:
                problem = problem or outcome
    if stop.signal_number is not None:
        raise Interrupted("stopped", stop.signal_number)
    if problem is not None:
        raise problem
