"""Rules about a network and their verdicts."""

from tinymnist.check.render import FORMATS, Output, render
from tinymnist.check.rules import Report, Verdict, check, enforce_budget

__all__ = ["FORMATS", "Output", "Report", "Verdict", "check", "enforce_budget", "render"]
