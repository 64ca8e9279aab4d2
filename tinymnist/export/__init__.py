"""Exports of trained networks: folded, written in another format, and verified there."""

from tinymnist.export.api import export_run
from tinymnist.export.artifact import Artifact

__all__ = ["Artifact", "export_run"]
