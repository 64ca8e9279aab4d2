"""Runs the trials of a search: proposes networks, trains them rung by rung, and decides which go on."""

from collections import deque

from tinymnist.errors import DivergedError, Interrupted, TinyMnistError
from tinymnist.search.journal import Journal
from tinymnist.search.observer import SearchObserver
from tinymnist.search.ranking import goes_on
from tinymnist.search.study import Study
from tinymnist.search.trials import Figures, Trial, scores_at
from tinymnist.signals import StopRequest
from tinymnist.spec import Spec
from tinymnist.training.records import Result
from tinymnist.training.task import Conditions, Task
from tinymnist.training.workers import Workers


class Driver:
    """Keeps all state of the trials; workers only train."""

    def __init__(self, study: Study, journal: Journal, conditions: Conditions, observer: SearchObserver) -> None:
        self._study, self._journal, self._conditions, self._observer = study, journal, conditions, observer
        self._search = study.file.search
        self._running = {trial.number: trial for trial in journal.trials if trial.state == "running"}
        self._waiting: deque[Trial] = deque()
        self._exhausted = False

    def run(self, workers: Workers, stop: StopRequest) -> None:
        """Trains until there are as many trials as the search asks for.

        Raises `Interrupted` once `stop` is set, after each training has written a checkpoint, and the first error of a
        training but `DivergedError`, which only ends its trial.
        """
        for trial in list(self._running.values()):
            self._go_on(trial)
        problem: TinyMnistError | None = None
        while True:
            while not (stop or problem) and workers.room > 0 and (task := self._next()) is not None:
                workers.submit([task])
            if not workers.busy:
                break
            if stop or problem:
                workers.stop()
            for task, ended in workers.ended(self._observer):
                trial = self._running[task.key]
                if isinstance(ended, Result):
                    self._judge(trial, ended)
                elif isinstance(ended, DivergedError):
                    self._close(self._journal.close_diverged(trial))
                else:
                    problem = problem or ended
        if stop.signal_number is not None:
            raise Interrupted("stopped", stop.signal_number)
        if problem is not None:
            raise problem

    def _next(self) -> Task | None:
        """What to train next: a network that goes on, before a new one."""
        if self._waiting:
            return self._task(self._waiting.popleft())
        if self._exhausted or len(self._journal.trials) >= self._search.trials:
            return None
        trial = self._journal.propose()
        if trial is None:
            self._exhausted = True
            self._observer.space_exhausted(len(self._journal.trials))
            return None
        self._running[trial.number] = trial
        self._observer.trial_proposed(trial)
        return self._task(trial)

    def _task(self, trial: Trial) -> Task:
        rung = len(trial.rungs)
        path = self._study.training_path(trial.number, self._search.rungs[rung].epochs)
        return Task(trial.number, path, rung_spec(self._study, trial, rung), trial.number, self._conditions)

    def _judge(self, trial: Trial, result: Result) -> None:
        """Keeps what came of a training, and decides whether the network goes on to the next."""
        rung, others = len(trial.rungs), [each for each in self._journal.trials if each.number != trial.number]
        figures = Figures(result.epochs, result.accuracy, result.loss, result.seconds)
        trial = self._running[trial.number] = self._journal.record(trial, figures)
        keep = self._search.rungs[rung].keep
        before = scores_at(rung, others, self._search)
        if keep is not None and goes_on(trial.scores(self._search, rung), before, keep):
            self._waiting.append(trial)
            self._tell(trial)
        else:
            self._close(self._journal.close(trial))

    def _close(self, trial: Trial) -> None:
        del self._running[trial.number]
        self._tell(trial)

    def _tell(self, trial: Trial) -> None:
        self._study.write_tables(self._journal.trials)
        self._observer.rung_ended(trial)

    def _go_on(self, trial: Trial) -> None:
        """Takes up a trial that was running when the search was stopped."""
        if len(trial.rungs) < len(self._search.rungs):
            self._waiting.append(trial)
        else:  # killed between its last figures and its end
            self._close(self._journal.close(trial))


def rung_spec(study: Study, trial: Trial, rung: int) -> Spec:
    """The network of a trial under its own name, with the schedule of a rung."""
    spec = study.file.space.document(trial.values, study.file.search.rungs[rung].epochs).spec
    return spec.model_copy(update={"name": study.network_name(trial.number)})
