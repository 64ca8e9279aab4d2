"""Training: recipe, loop, run directory, checkpoint; one seed, or a series of many."""

from tinymnist.training.api import resume, train
from tinymnist.training.observer import Observer, SeriesObserver
from tinymnist.training.opening import load_run
from tinymnist.training.run import Run
from tinymnist.training.series import Series, open_run, resume_series, train_series

__all__ = [
    "Observer",
    "Run",
    "Series",
    "SeriesObserver",
    "load_run",
    "open_run",
    "resume",
    "resume_series",
    "train",
    "train_series",
]
