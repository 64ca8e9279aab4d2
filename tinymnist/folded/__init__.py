"""A trained network as a list of steps, with nothing left of training."""

from tinymnist.folded.folding import fold
from tinymnist.folded.network import Network

__all__ = ["Network", "fold"]
