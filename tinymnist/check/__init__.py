"""Rules about a network and their verdicts."""

from tinymnist.check.doubts import Doubt, doubts
from tinymnist.check.rules import Report, Verdict, check, enforce_budget

__all__ = ["Doubt", "Report", "Verdict", "check", "doubts", "enforce_budget"]
