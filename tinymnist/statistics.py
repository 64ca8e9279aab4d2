"""Statistics of accuracies: the mean of a sample and its interval, verdicts on a target, and tests of a difference.

Accuracies and targets are percent, differences of accuracies are points; every level is 95 %. SciPy is imported only
where it is used, since that takes a third of a second.
"""

import math
import statistics
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tinymnist.errors import UsageError

SIGNIFICANT = 0.05
"""A difference counts as shown where p is smaller."""
MAX_MORE_SEEDS = 10_000
"""More seeds than anybody trains."""
Z_95 = 1.959963984540054
"""97.5 % quantile of the normal distribution."""

Outcome = Literal["pass", "fail", "inconclusive"]
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Summary:
    """A sample in a few figures."""

    mean: float
    std: float | None
    """Sample standard deviation, with n - 1; None where n is 1."""
    n: int
    interval: Interval | None
    """95 % interval of the mean, by Student's t; None where n is 1."""
    minimum: float
    maximum: float


def summarize(values: Sequence[float]) -> Summary:
    """Mean and spread of a sample, with Student's interval, mean ± t_{n-1, 0.975} s / sqrt(n) ("Student" 1908,
    Biometrika 6:1), which assumes that the values are independent and normal; its width is zero where all are equal.

    Raises `UsageError` where there are no values.
    """
    if not values:
        raise UsageError("no accuracies to summarise: give those of one seed at least")
    n, mean = len(values), statistics.mean(values)
    std = statistics.stdev(values) if n > 1 else None
    half = None if std is None else _half_width(std, n)
    interval = None if half is None else (mean - half, mean + half)
    return Summary(mean, std, n, interval, min(values), max(values))


def prediction_interval(values: Sequence[float]) -> Interval:
    """Where one more value lies with a probability of 95 %: mean ± t_{n-1, 0.975} s sqrt(1 + 1/n), for at least two
    values that are independent and normal."""
    half = _student_quantile(len(values) - 1) * statistics.stdev(values) * math.sqrt(1 + 1 / len(values))
    mean = statistics.mean(values)
    return mean - half, mean + half


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
    """How many more seeds would probably decide an inconclusive verdict; None where that is unknown or decided."""


def judge(values: Sequence[float], target: float) -> Verdict:
    """Passes where the 95 % interval of the mean lies above `target`, fails where it lies below. Values that are all
    equal, as they may be for few seeds on few images, decide nothing.

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
    """How many more seeds it takes until the interval excludes the target, if mean and deviation stay the same."""
    std, gap = summary.std, abs(summary.mean - target)
    if std is None or gap == 0:
        return None
    n = summary.n
    more = range(1, MAX_MORE_SEEDS + 1)
    index = bisect_left(more, True, key=lambda extra: _half_width(std, n + extra) < gap)  # it narrows as n grows
    return more[index] if index < len(more) else None


@dataclass(frozen=True, slots=True)
class LastEpochsVerdict:
    """Whether each of the last epochs was above a target, over one or more seeds."""

    outcome: Literal["pass", "fail"]
    target: float
    last: int
    """The number of epochs that are judged, up to the final one."""
    passed: int
    """The number of seeds with all of those epochs above the target."""
    n: int
    """The number of seeds."""
    lowest: float
    """The lowest accuracy over all seeds and those epochs."""
    lowest_seed: int
    lowest_epoch: int
    """Counted from 1; where the lowest occurs more than once, the first seed and epoch that have it."""


def judge_last_epochs(accuracies_by_seed: Mapping[int, Sequence[float]], last: int, target: float) -> LastEpochsVerdict:
    """The usual wording of assignments, "above 99.4 % in the last 5 epochs": passes where all of the last `last` epochs
    of every seed are above `target`. `accuracies_by_seed` holds one value per epoch for each seed.

    The verdict describes these seeds alone, and no epoch is chosen by it. Raises `UsageError` where there are fewer
    epochs.
    """
    fewest = min(map(len, accuracies_by_seed.values()), default=0)
    if not 1 <= last <= fewest:
        raise UsageError(f"--last-epochs {last}: expects a number from 1 to the epochs trained, {fewest}")
    lowest = {seed: min(accuracies[-last:]) for seed, accuracies in accuracies_by_seed.items()}
    passed = sum(accuracy > target for accuracy in lowest.values())
    seed = min(lowest, key=lowest.__getitem__)
    epoch = accuracies_by_seed[seed].index(lowest[seed], -last) + 1
    outcome: Literal["pass", "fail"] = "pass" if passed == len(lowest) else "fail"
    return LastEpochsVerdict(outcome, target, last, passed, len(lowest), lowest[seed], seed, epoch)


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference of two means, a - b. All other fields are None where neither sample varies: there is then no
    spread to compare it with."""

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
    one of two networks reads right, each is equally likely to be read by either if the two are equally good. 1 where
    there are no such images."""
    from scipy.special import bdtr

    disagreements = only_a + only_b
    return min(1.0, 2 * float(bdtr(min(only_a, only_b), disagreements, 0.5))) if disagreements else 1.0


def paired_interval(only_a: int, only_b: int, n: int) -> Interval:
    """95 % interval of the difference a - b of two shares of the same n images, of which `only_a` belong to the first
    share only: Wald's interval after half an image is added to each cell of the table (A. Agresti and Y. Min 2005,
    Statistics in Medicine 24:729, "Wald+2"), cut off at -1 and 1."""
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
