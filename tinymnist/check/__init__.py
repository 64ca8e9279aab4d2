"""Rules about a network and their verdicts."""

from tinymnist.check.render import FORMATS, render
from tinymnist.check.rules import Report, Verdict, check, enforce_budget

__all__ = ["FORMATS", "Report", "Verdict", "check", "enforce_budget", "render"]
