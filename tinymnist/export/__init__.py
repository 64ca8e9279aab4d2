"""Exports of trained networks: folded, written in another format, and verified there."""

from tinymnist.export.api import export_run
from tinymnist.export.artifact import Artifact
from tinymnist.export.folded import Network
from tinymnist.export.folding import fold

__all__ = ["Artifact", "Network", "export_run", "fold"]
