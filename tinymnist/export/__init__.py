"""Exports of trained networks: folded, written in another format, and verified there."""

from tinymnist.export.api import Dtype, Format, export_run
from tinymnist.export.artifact import Artifact
from tinymnist.export.folded import Network
from tinymnist.export.folding import fold

__all__ = ["Artifact", "Dtype", "Format", "Network", "export_run", "fold"]
