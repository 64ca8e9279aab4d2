"""What a search tells those who watch it."""

from tinymnist.search.study import Study
from tinymnist.search.trials import Trial
from tinymnist.training.observer import SeriesObserver


class SearchObserver(SeriesObserver):
    """Is told of the events of a search, and by default only passes notices on, each once."""

    def search_started(self, study: Study, trials: list[Trial], jobs: int) -> None:
        """The search begins or resumes, with these trials so far, `jobs` trainings at a time."""

    def trial_proposed(self, trial: Trial) -> None:
        """A network is going to be trained."""

    def rung_ended(self, trial: Trial) -> None:
        """A training of a network has ended; its state says whether it goes on to another."""

    def space_exhausted(self, trials: int) -> None:
        """No network is left that fits and was not tried, after this many."""

    def finalists_started(self, networks: int, seeds: int) -> None:
        """The best networks are going to be trained with many seeds."""

    def winners_started(self, networks: int, seeds: int) -> None:
        """The best of all is going to be trained on all training images."""
