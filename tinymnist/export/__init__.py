"""Trained networks for other places: folded, written in another language, and checked there."""

from tinymnist.export.api import export_run
from tinymnist.export.artifact import Artifact
from tinymnist.export.network import Network, fold

__all__ = ["Artifact", "Network", "export_run", "fold"]
