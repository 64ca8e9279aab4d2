"""Facts about a search as short texts."""

from tinymnist.search.declaration import Objective, Search
from tinymnist.search.space import Axis, Value
from tinymnist.search.trials import State
from tinymnist.spec.costs import UNITS
from tinymnist.text import abbreviated, counted

VALUE = 60
"""Characters of a value at most."""
SAMPLERS = {"tpe": "tree-structured Parzen estimator", "evolution": "ageing evolution", "random": "at random"}
MEASURES: dict[str, str] = {
    "validation_accuracy": "held-out accuracy",
    "validation_loss": "held-out loss",
    **UNITS,
}
STATES: dict[State, str] = {
    "running": "in training",
    "dropped": "dropped",
    "finished": "trained to the end",
    "diverged": "diverged",
}
TIMES = (("seconds", 1.0, 300.0), ("minutes", 60.0, 3 * 3600.0), ("hours", 3600.0, float("inf")))
"""Units of time: their name, their seconds, and the seconds up to which they are used."""


def objective_text(objective: Objective) -> str:
    """`the lowest held-out loss`."""
    measure = objective.measure
    extreme = "highest" if objective.maximize else "lowest" if measure == "validation_loss" else "fewest"
    return f"the {extreme} {MEASURES[measure]}"


def rungs_text(search: Search) -> str:
    """`1 epoch, of which the best 40 % go on to 2 epochs`."""
    text = counted(search.rungs[0].epochs, "epoch")
    for rung, following in zip(search.rungs, search.rungs[1:], strict=False):
        assert rung.keep is not None
        text += f", of which the best {100 * rung.keep:g} % go on to {counted(following.epochs, 'epoch')}"
    return text


def range_text(axis: Axis) -> str:
    """`2 to 24 in steps of 2`, `relu, silu`, `{kind: linear}; {kind: gap}`."""
    if axis.dimension.choice is not None:
        options = [value_text(option) for option in axis.options]
        return ("; " if any("," in option for option in options) else ", ").join(options)
    low, high = axis.ends
    text = f"{low:g} to {high:g}"
    if axis.dimension.log is not None:
        return f"{text}, log scale"
    if axis.dimension.whole is not None and axis.bounds[2] > 1:
        return f"{text} in steps of {axis.bounds[2]}"
    return text


def value_text(value: Value) -> str:
    """A value of an axis, short."""
    if isinstance(value, str):
        return abbreviated(plain_option(value), VALUE)
    return f"{value:.4g}" if isinstance(value, float) else f"{value:,}"


def plain_option(option: str) -> str:
    """An option of a choice without the quotes of JSON, as one writes it in the search file."""
    return option.replace('"', "") if option.startswith(("{", "[")) else option


def spread_text(mean: float, std: float | None) -> str:
    """`99.40 ± 0.05`; without a deviation, the mean alone."""
    return f"{mean:.2f}" if std is None else f"{mean:.2f} ± {std:.2f}"


def unit_of_time(seconds: float) -> tuple[str, float]:
    """The unit that a time is told in, and the seconds of it."""
    return next((name, each) for name, each, most in TIMES if seconds < most)


def time_text(seconds: float) -> str:
    """`42 seconds`, `12.5 minutes`, `7.3 hours`."""
    name, each = unit_of_time(seconds)
    return f"{seconds / each:.0f} {name}" if each == 1 else f"{seconds / each:.1f} {name}"
