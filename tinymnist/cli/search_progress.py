"""Progress of a search on stderr: a bar over its epochs, a line for each training that has ended."""

from tqdm import tqdm

from tinymnist.cli.series import SeriesProgress
from tinymnist.console import say, shows_bars
from tinymnist.search.observer import SearchObserver
from tinymnist.search.study import Study
from tinymnist.search.trials import Trial
from tinymnist.text import counted
from tinymnist.training.observer import EpochRow, Step


class SearchProgress(SeriesProgress, SearchObserver):
    """While networks are tried, a bar over the epochs that are expected, and a line for each training; for finalists
    and winner, what a series shows."""

    def __init__(self) -> None:
        super().__init__()
        self._study: Study | None = None
        self._best: float | None = None

    def __enter__(self) -> "SearchProgress":
        return self

    def search_started(self, study: Study, trials: list[Trial], jobs: int) -> None:
        search = study.file.search
        tried = f" ({len(trials)} tried before)" if trials else ""
        say(f"{study.path}: {search.name}, {counted(search.trials, 'network')} to try{tried}, {jobs} at once")
        self._study = study
        done = [figures for trial in trials for figures in trial.rungs]
        self._best = max((figures.accuracy for figures in done), default=None)
        self._bar = tqdm(
            total=_expected_epochs(study),
            initial=sum(figures.epochs for figures in done),
            unit=" epochs",
            leave=False,
            disable=not shows_bars(),
        )

    def stepped(self, seed: int, step: Step) -> None:
        if self._study is None:
            super().stepped(seed, step)
        elif self._bar.disable and self._silence.is_long():
            self._silence.end(f"network {seed}, epoch {step.epoch}: {step.images:,} images so far")

    def epoch_ended(self, seed: int, row: EpochRow) -> None:
        if self._study is None:
            super().epoch_ended(seed, row)
        else:
            self._bar.update()

    def rung_ended(self, trial: Trial) -> None:
        assert self._study is not None
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
        self._begin(f"the best {counted(networks, 'network')}, with {counted(seeds, 'seed')} each:")

    def winners_started(self, networks: int, seeds: int) -> None:
        self._begin(f"the best of all, on all training images, with {counted(seeds, 'seed')}:")

    def _begin(self, line: str) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        self._study = None
        say(line)


def _expected_epochs(study: Study) -> int:
    search, share, epochs = study.file.search, 1.0, 0.0
    for rung in search.rungs:
        epochs += search.trials * share * rung.epochs
        share *= rung.keep or 0.0
    return round(epochs)
