"""Builds the `nn.Sequential` that a spec describes, and summarises it."""

from tinymnist.model.builder import build_model
from tinymnist.model.summary import Summary, summarize
from tinymnist.model.weights import load_weights, save_weights

__all__ = ["Summary", "build_model", "load_weights", "save_weights", "summarize"]
