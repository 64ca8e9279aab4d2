"""Progress of a search on stderr: a bar over its epochs, a line for each training that has ended."""

from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from tinymnist.cli.series import SeriesProgress
from tinymnist.console import say, shows_bars
from tinymnist.search.observer import SearchObserver
from tinymnist.search.study import Study
from tinymnist.search.trials import Trial
from tinymnist.spec import Spec
from tinymnist.text import counted
from tinymnist.training.observer import EpochRow, Step
from tinymnist.training.records import Result


class SearchProgress(SeriesProgress, SearchObserver):
    """A bar over the epochs that are expected, first of all networks that are tried, then of the finalists, then of the
    winner; and a line for each training that has ended."""

    def __init__(self) -> None:
        super().__init__()
        self._best: float | None = None
        self._done = self._expected = 0

    def __enter__(self) -> "SearchProgress":
        return self

    def search_started(self, study: Study, trials: list[Trial], jobs: int) -> None:
        search = study.file.search
        tried = f" ({len(trials)} tried before)" if trials else ""
        say(f"{study.path}: {search.name}, {counted(search.trials, 'network')} to try{tried}, {jobs} at once")
        done = [figures for trial in trials for figures in trial.rungs]
        self._best = max((figures.accuracy for figures in done), default=None)
        self._begin(_expected_epochs(study), sum(figures.epochs for figures in done))

    def started(self, path: Path, spec: Spec, seeds: Sequence[int], pending: int, jobs: int) -> None:
        self._expected += pending * spec.train.epochs
        self._bar.total = self._expected

    def stepped(self, seed: int, step: Step) -> None:
        if self._bar.disable and self._silence.is_long():
            self._silence.end(f"{counted(self._done, 'epoch')} of about {self._expected:,} so far")

    def epoch_ended(self, seed: int, row: EpochRow) -> None:
        self._done += 1
        self._bar.update()

    def seed_ended(self, result: Result) -> None:
        self._clear()
        figures = f"{result.accuracy:.2f} %  loss {result.loss:.4f}  {result.seconds:.0f} s"
        self._silence.end(f"{result.name}, seed {result.seed}: {figures}")

    def rung_ended(self, trial: Trial) -> None:
        self._clear()
        name = f"network {trial.number}: {trial.parameters:,} parameters"
        if trial.state == "diverged":
            self._silence.end(f"{name}, diverged")
            return
        last = trial.rungs[-1]
        what = "goes on" if trial.state == "running" else trial.state
        self._best = max(self._best or 0.0, last.accuracy)
        self._bar.set_postfix_str(f"best {self._best:.2f} %", refresh=False)
        figures = f"{last.accuracy:.2f} %  loss {last.loss:.4f}  {last.seconds:.0f} s"
        self._silence.end(f"{name}, {counted(last.epochs, 'epoch')}: {figures}, {what}")

    def space_exhausted(self, trials: int) -> None:
        self._clear()
        say(f"no network is left that fits and was not tried: {counted(trials, 'network')} in all")

    def finalists_started(self, networks: int, seeds: int) -> None:
        self._begin()
        say(f"the best {counted(networks, 'network')}, with {counted(seeds, 'seed')} each:")

    def winners_started(self, networks: int, seeds: int) -> None:
        self._begin()
        say(f"the best of all, on all training images, with {counted(seeds, 'seed')}:")

    def _begin(self, expected: int = 0, done: int = 0) -> None:
        """Begins another bar."""
        if self._bar is not None:
            self._bar.close()
        self._expected, self._done = expected, done
        self._bar = tqdm(total=expected, initial=done, unit=" epochs", leave=False, disable=not shows_bars())


def _expected_epochs(study: Study) -> int:
    search, share, epochs = study.file.search, 1.0, 0.0
    for rung in search.rungs:
        epochs += search.trials * share * rung.epochs
        share *= rung.keep or 0.0
    return round(epochs)
