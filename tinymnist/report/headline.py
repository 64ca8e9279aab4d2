"""The accuracy of an entry as text, with its interval and what it was measured on."""

from dataclasses import dataclass

from tinymnist.report.contents import Entry
from tinymnist.text import counted, interval_text, reached_text
from tinymnist.training.records import SeriesResult


@dataclass(frozen=True, slots=True)
class Headline:
    """Accuracies are in percent, with two decimals."""

    accuracy: str
    """`99.36`, or `99.40 ± 0.05` for a series."""
    interval: str
    """The 95 % interval and its kind; empty for a series of one seed."""
    measured: str
    """`of the 10,000 test images of mnist`; for a series, with the number of seeds."""


def headline(entry: Entry) -> Headline:
    """For a series, the mean of its result; for one network, the evaluation that the page shows."""
    result, network = entry.result, entry.network
    if isinstance(result, SeriesResult):
        spread = "" if result.std is None else f" ± {result.std:.2f}"
        ends = result.interval
        interval = "" if ends is None else _interval(ends.low, ends.high, "interval of the mean")
        seeds = "one seed" if result.n == 1 else counted(result.n, "seed")
        return Headline(f"{result.mean:.2f}{spread}", interval, f"mean over {seeds}, of {entry.scored_on}")
    assert network is not None, "only a series may lack one"
    evaluation = network.evaluation
    interval = _interval(*evaluation.interval, "Wilson interval")
    so_far = evaluation.unfinished
    unfinished = "" if so_far is None else f"; {reached_text(so_far.epoch, so_far.step, so_far.epochs)}"
    return Headline(f"{evaluation.accuracy:.2f}", interval, f"of {network.images}{unfinished}")


def _interval(low: float, high: float, kind: str) -> str:
    return f"95 % {kind} {interval_text(low, high, 2)}"
