"""Trained networks for other places: folded, written in another language, and checked there."""

from tinymnist.export.network import Network, fold

__all__ = ["Network", "fold"]
