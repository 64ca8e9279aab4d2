"""What networks of a search cost, as numbers to compare and as text."""

import math
from typing import Protocol

from tinymnist.spec.costs import RULES, Cost

TITLES: dict[str, str] = {"parameters": "parameters", "macs": "multiply-adds", "ram": "RAM", "flash": "flash"}
"""What the columns of a table are called."""


class Costs(Protocol):
    """A network whose costs are known."""

    @property
    def parameters(self) -> int: ...

    @property
    def macs(self) -> int: ...

    @property
    def ram(self) -> int | None:
        """Bytes of scratch memory in int8 C."""

    @property
    def flash(self) -> int | None:
        """Bytes of code and constants in int8 C, as estimated."""


def limits_of(rules: object) -> dict[Cost, int]:
    """What a budget, or a spec's `checks`, limits, and to how much."""
    limits = {cost: getattr(rules, rule) for cost, rule in RULES.items()}
    return {cost: limit for cost, limit in limits.items() if limit is not None}


def known(network: Costs, cost: Cost) -> int | None:
    """One of its costs; None where it has no int8 program to have it."""
    found: int | None = getattr(network, cost)
    return found


def amount(network: Costs, cost: Cost) -> float:
    """The same as a number to compare: infinity for None."""
    found = known(network, cost)
    return math.inf if found is None else found


def cell(network: Costs, cost: Cost) -> str:
    """The same in a table: `1,096`, or nothing."""
    found = known(network, cost)
    return "" if found is None else f"{found:,}"
