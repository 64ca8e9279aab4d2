"""Rules about a network and their verdicts."""

from tinymnist.check.rules import Report, Verdict, check, enforce_budget

__all__ = ["Report", "Verdict", "check", "enforce_budget"]
