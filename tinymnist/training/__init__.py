"""Training: recipe, loop, run directory, checkpoint; one seed, or a series of many."""

from tinymnist.training.api import resume, train
from tinymnist.training.directory import RunDirectory
from tinymnist.training.load import load_run, open_run
from tinymnist.training.observer import Observer, SeriesObserver
from tinymnist.training.packed import PackedRun
from tinymnist.training.run import Run
from tinymnist.training.series import Series
from tinymnist.training.series_api import resume_series, train_series

__all__ = [
    "Observer",
    "PackedRun",
    "Run",
    "RunDirectory",
    "Series",
    "SeriesObserver",
    "load_run",
    "open_run",
    "resume",
    "resume_series",
    "train",
    "train_series",
]
