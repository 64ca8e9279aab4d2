"""Training: recipe, loop, run directory, checkpoint."""

from tinymnist.training.api import resume, train
from tinymnist.training.observer import Observer
from tinymnist.training.run import Run, load_run

__all__ = ["Observer", "Run", "load_run", "resume", "train"]
