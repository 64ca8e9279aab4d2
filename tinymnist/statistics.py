"""What accuracies say: the mean of a sample and its interval, verdicts against a target, and tests of a difference.

Accuracies and targets are percent, differences of accuracies are points; every level is 95 %. SciPy is imported where
it is used, for it takes a third of a second.
"""

import math
import statistics
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tinymnist.errors import UsageError

SIGNIFICANT = 0.05
"""A difference with a smaller p is called one."""
MAX_MORE_SEEDS = 10_000
"""Beyond what anybody trains."""
Z_95 = 1.959963984540054
"""97.5 % quantile of the normal distribution."""

Outcome = Literal["pass", "fail", "inconclusive"]
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Summary:
    """A sample in a few figures."""

    mean: float
    std: float | None
    """Standard deviation of one value, with n - 1; None where n is 1."""
    n: int
    interval: Interval | None
    """95 % interval of the mean, by Student's t; None where n is 1."""
    minimum: float
    maximum: float


def summarize(values: Sequence[float]) -> Summary:
    """Mean and spread of a sample, with Student's interval, mean ± t_{n-1, 0.975} s / sqrt(n) ("Student" 1908,
    Biometrika 6:1), which takes the values as independent and normal; its width is zero where all are equal.

    Raises `UsageError` where there are none.
    """
    if not values:
        raise UsageError("no accuracies to summarise: give those of one seed at least")
    n, mean = len(values), statistics.mean(values)
    std = statistics.stdev(values) if n > 1 else None
    half = None if std is None else _half_width(std, n)
    interval = None if half is None else (mean - half, mean + half)
    return Summary(mean, std, n, interval, min(values), max(values))


def _half_width(std: float, n: int) -> float:
    return _student_quantile(n - 1) * std / math.sqrt(n)


def _student_quantile(degrees_of_freedom: float) -> float:
    """97.5 % quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees_of_freedom, 0.975))


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the mean over seeds is above a target."""

    outcome: Outcome
    target: float
    summary: Summary
    more_seeds: int | None
    """How many more would probably decide what is inconclusive; None where that cannot be told, or is decided."""

    @property
    def text(self) -> str:
        """One line."""
        summary = self.summary
        if summary.interval is None:
            decimals = _decimals(self.target, [summary.mean])
            return (
                f"target {self.target:.{decimals}f} %: inconclusive ({summary.mean:.{decimals}f} %, n 1): one seed "
                "says nothing about the spread: train several"
            )
        if summary.std == 0:
            decimals = _decimals(self.target, [summary.mean])
            return (
                f"target {self.target:.{decimals}f} %: inconclusive (all {summary.n} seeds {summary.mean:.{decimals}f} "
                "%): what does not vary says nothing about the spread: train more"
            )
        low, high = max(0.0, summary.interval[0]), min(100.0, summary.interval[1])
        decimals = _decimals(self.target, [low, high])
        line = (
            f"target {self.target:.{decimals}f} %: {self.outcome} (95 % interval of the mean "
            f"{low:.{decimals}f} to {high:.{decimals}f} %, n {summary.n})"
        )
        if self.outcome != "inconclusive":
            return line
        if self.more_seeds is None:
            return f"{line}: too near for more seeds to decide it"
        return f"{line}: about {self.more_seeds:,} more seed{'s' * (self.more_seeds > 1)} would probably decide it"


def judge(values: Sequence[float], target: float) -> Verdict:
    """Passes where the 95 % interval of the mean lies above `target`, fails where it lies below; values that are all
    equal, as of few seeds on few images, decide nothing.

    Raises `UsageError` where there are no values.
    """
    summary = summarize(values)
    if summary.interval is None or summary.std == 0:
        return Verdict("inconclusive", target, summary, None)
    if summary.interval[0] > target:
        return Verdict("pass", target, summary, None)
    if summary.interval[1] < target:
        return Verdict("fail", target, summary, None)
    return Verdict("inconclusive", target, summary, _more_seeds(summary, target))


def _more_seeds(summary: Summary, target: float) -> int | None:
    """How many until the interval no longer reaches the target, if mean and deviation stay as they are."""
    std, gap = summary.std, abs(summary.mean - target)
    if std is None or gap == 0:
        return None
    n = summary.n
    more = range(1, MAX_MORE_SEEDS + 1)
    index = bisect_left(more, True, key=lambda extra: _half_width(std, n + extra) < gap)  # it narrows as n grows
    return more[index] if index < len(more) else None


def _decimals(target: float, values: Sequence[float]) -> int:
    """As few, from 2, as write the target exactly and the values beside it unlike it."""
    for decimals in (2, 3):
        written = f"{target:.{decimals}f}"
        if float(written) == target and written not in [f"{value:.{decimals}f}" for value in values]:
            return decimals
    return 4


@dataclass(frozen=True, slots=True)
class LastEpochsVerdict:
    """Whether each of the last epochs was above a target, over one or more seeds."""

    outcome: Literal["pass", "fail"]
    target: float
    last: int
    """Epochs looked at, up to the final one."""
    passed: int
    """Seeds with all of those epochs above the target."""
    n: int
    """Seeds."""
    lowest: float
    """Accuracy, over all seeds and those epochs."""

    @property
    def text(self) -> str:
        """One line."""
        decimals = _decimals(self.target, [self.lowest])
        epochs = "in the last epoch" if self.last == 1 else f"in each of the last {self.last} epochs"
        seeds = "" if self.n == 1 else f"{self.passed} of {self.n} seeds, "
        return (
            f"target {self.target:.{decimals}f} % {epochs}: {self.outcome} ({seeds}lowest {self.lowest:.{decimals}f} %)"
        )


def judge_last_epochs(accuracies_by_seed: Sequence[Sequence[float]], last: int, target: float) -> LastEpochsVerdict:
    """The usual wording of assignments, "above 99.4 % in the last 5 epochs": passes where all of the last `last` epochs
    of every seed are above `target`. `accuracies_by_seed` holds a row a seed, a value an epoch.

    A verdict on what happened: it says nothing about other seeds, and no epoch is chosen by it. Raises `UsageError`
    where there are no such epochs.
    """
    fewest = min((len(accuracies) for accuracies in accuracies_by_seed), default=0)
    if not 1 <= last <= fewest:
        raise UsageError(f"--last-epochs {last}: expects a number from 1 to the epochs trained, {fewest}")
    lowest = [min(accuracies[-last:]) for accuracies in accuracies_by_seed]
    passed = sum(accuracy > target for accuracy in lowest)
    outcome: Literal["pass", "fail"] = "pass" if passed == len(lowest) else "fail"
    return LastEpochsVerdict(outcome, target, last, passed, len(lowest), min(lowest))


@dataclass(frozen=True, slots=True)
class Difference:
    """Difference of two means, a - b. All but the difference itself is None where neither sample varies: then there is
    no spread to hold it against."""

    difference: float
    interval: Interval | None
    """95 %."""
    t: float | None
    degrees_of_freedom: float | None
    p: float | None
    """Two-sided."""


def welch(a: Sequence[float], b: Sequence[float]) -> Difference:
    """Welch's t-test, which lets the two variances differ (B. L. Welch 1947, Biometrika 34:28; degrees of freedom by
    Satterthwaite 1946, Biometrics Bulletin 2:110).

    Raises `UsageError` where either sample has fewer than two values.
    """
    first, second = summarize(a), summarize(b)
    if first.std is None or second.std is None:
        raise UsageError("Welch's test: one value says nothing about the spread: give two at least on each side")
    from scipy.special import stdtr

    difference = first.mean - second.mean
    error_a, error_b = first.std / math.sqrt(first.n), second.std / math.sqrt(second.n)
    error = math.hypot(error_a, error_b)
    if error == 0:
        return Difference(difference, None, None, None, None)
    share_a, share_b = (error_a / error) ** 2, (error_b / error) ** 2
    degrees = 1 / (share_a**2 / (first.n - 1) + share_b**2 / (second.n - 1))
    half = _student_quantile(degrees) * error
    t = difference / error
    return Difference(
        difference, (difference - half, difference + half), t, degrees, 2 * float(stdtr(degrees, -abs(t)))
    )


def mcnemar(only_a: int, only_b: int) -> float:
    """Two-sided p of McNemar's test (Q. McNemar 1947, Psychometrika 12:153) in its exact form: of the images that only
    one of two networks reads right, each falls to either with probability 1/2 where the two are equally good.
    1 where there are none."""
    from scipy.special import bdtr

    disagreements = only_a + only_b
    return min(1.0, 2 * float(bdtr(min(only_a, only_b), disagreements, 0.5))) if disagreements else 1.0


def paired_interval(only_a: int, only_b: int, n: int) -> Interval:
    """95 % interval of the difference of two shares of the same n images, a - b, of which `only_a` belong to the first
    share only: Wald's, after half an image is added to each cell of the table (A. Agresti and Y. Min 2005, Statistics
    in Medicine 24:729, "Wald+2"), within -1 to 1."""
    centre = (only_a - only_b) / (n + 2)
    half = Z_95 * math.sqrt((only_a + only_b + 1) / (n + 2) - centre**2) / math.sqrt(n + 2)
    return max(-1.0, centre - half), min(1.0, centre + half)


def wilson_interval(successes: int, trials: int, z: float = Z_95) -> Interval:
    """Wilson's score interval for a proportion (E. B. Wilson 1927, JASA 22:209), both ends between 0 and 1."""
    share = successes / trials
    centre = share + z * z / (2 * trials)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)
