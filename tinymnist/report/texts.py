"""The figures of an entry, in words."""

from dataclasses import dataclass

from tinymnist.report.contents import Entry
from tinymnist.text import interval_text
from tinymnist.training.records import SeriesResult


@dataclass(frozen=True, slots=True)
class Figures:
    """Accuracies are percent, with two decimals."""

    accuracy: str
    """`99.36`, or `99.40 ± 0.05`."""
    interval: str
    """With what it is an interval of; empty for one seed of a series."""
    of: str
    """What was scored."""


def figures(entry: Entry) -> Figures:
    """Of a series, those of its result; of a network, those of the evaluation that the page shows."""
    result, network = entry.result, entry.network
    if isinstance(result, SeriesResult):
        spread = "" if result.std is None else f" ± {result.std:.2f}"
        ends = result.interval
        interval = "" if ends is None else _interval(ends.low, ends.high, "interval of the mean")
        return Figures(f"{result.mean:.2f}{spread}", interval, f"mean over {_seeds(result.n)}, of {entry.scored_on}")
    assert network is not None, "only a series may lack one"
    evaluation = network.evaluation
    return Figures(
        f"{evaluation.accuracy:.2f}", _interval(*evaluation.interval, "Wilson interval"), f"of {network.images}"
    )


def _interval(low: float, high: float, kind: str) -> str:
    return f"95 % {kind} {interval_text(low, high, 2)}"


def _seeds(count: int) -> str:
    return "one seed" if count == 1 else f"{count} seeds"
