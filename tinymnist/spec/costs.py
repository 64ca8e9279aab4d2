"""What a network costs, known from its plan alone, and the rules that limit it."""

from collections.abc import Callable
from typing import Literal

from tinymnist.spec.flash import int8_flash
from tinymnist.spec.plan import Plan
from tinymnist.spec.scratch import int8_ram

Cost = Literal["parameters", "macs", "ram", "flash"]

COUNTS: dict[Cost, Callable[[Plan], int | None]] = {
    "parameters": lambda plan: plan.parameters,
    "macs": lambda plan: plan.macs,
    "ram": int8_ram,
    "flash": int8_flash,
}
"""How they are counted. None for the memory of a network with no int8 program."""
RULES: dict[Cost, str] = {"parameters": "max_params", "macs": "max_macs", "ram": "max_ram", "flash": "max_flash"}
"""What limits them, in a spec's `checks` and in the budget of a search."""
UNITS: dict[str, str] = {
    "parameters": "parameters",
    "macs": "multiply-adds",
    "ram": "bytes of scratch memory in int8",
    "flash": "bytes of flash in int8, as estimated",
}
