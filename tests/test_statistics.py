"""Statistics: against SciPy, mlxtend and published figures, and rules that hold for all samples."""

import math
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlxtend.evaluate import mcnemar as mlxtend_mcnemar
from scipy import stats

from tinymnist.errors import UsageError
from tinymnist.statistics import (
    Difference,
    judge,
    judge_last_epochs,
    mcnemar,
    paired_interval,
    prediction_interval,
    summarize,
    welch,
    wilson_interval,
)

TEN = [99.41, 99.44, 99.45, 99.42, 99.47, 99.39, 99.46, 99.43, 99.44, 99.45]
FIVE = [99.32, 99.41, 99.28, 99.37, 99.45]
accuracies = st.integers(0, 10_000).map(lambda correct: correct / 100)
samples = st.lists(accuracies, min_size=2, max_size=20)


def test_importing_the_module_brings_in_neither_torch_nor_scipy() -> None:
    code = "import sys, tinymnist.statistics; sys.exit(any(name in sys.modules for name in ('torch', 'scipy')))"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_summary_of_three_values_by_hand() -> None:
    summary = summarize([2.0, 1.0, 3.0])
    half = 0.95 * math.sqrt(2 / (1 - 0.95**2)) / math.sqrt(3)  # with 2 degrees of freedom, P(|T| < t) = t / √(2 + t²)
    assert (summary.mean, summary.std, summary.n, summary.minimum, summary.maximum) == (2, 1, 3, 1, 3)
    assert summary.interval == pytest.approx((2 - half, 2 + half), abs=1e-12)


@pytest.mark.parametrize("values", [TEN, FIVE, [99.4, 99.5]], ids=["ten", "five", "two"])
def test_summary_is_scipys(values: list[float]) -> None:
    summary = summarize(values)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert summary.interval == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert (summary.mean, summary.std) == pytest.approx((np.mean(values), np.std(values, ddof=1)), abs=1e-12)


def test_one_value_has_neither_spread_nor_interval() -> None:
    summary = summarize([99.4])
    assert (summary.mean, summary.std, summary.interval, summary.n) == (99.4, None, None, 1)


@given(accuracies, st.integers(2, 20))
def test_equal_values_have_an_interval_of_no_width(value: float, n: int) -> None:
    summary = summarize([value] * n)
    assert (summary.mean, summary.std, summary.interval) == (value, 0, (value, value))


@given(samples)
def test_the_mean_is_within_the_sample_and_its_interval(values: list[float]) -> None:
    summary = summarize(values)
    assert summary.minimum <= summary.mean <= summary.maximum
    assert summary.interval is not None
    assert summary.interval[0] <= summary.mean <= summary.interval[1]


def test_no_values_are_refused() -> None:
    with pytest.raises(UsageError, match="no accuracies to summarise: give those of one seed at least"):
        summarize([])


@pytest.mark.parametrize(
    ("values", "target", "outcome", "more_seeds"),
    [
        (TEN, 99.4, "pass", None),
        (FIVE, 99.5, "fail", None),
        (FIVE, 99.4, "inconclusive", 13),
        ([99.38, 99.44, 99.42, 99.44], 99.38, "inconclusive", 1),
        ([99.3, 99.5], 99.4, "inconclusive", None),
        ([99.42], 99.4, "inconclusive", None),
        ([99.42, 99.43, 99.44], 99.405, "pass", None),
        ([91.0, 91.0], 90.9, "inconclusive", None),
    ],
    ids=["pass", "fail", "more seeds", "one more", "on the target", "one seed", "a narrow pass", "all equal"],
)
def test_a_verdict_is_by_the_interval_of_the_mean(
    values: list[float], target: float, outcome: str, more_seeds: int | None
) -> None:
    verdict = judge(values, target)
    assert (verdict.outcome, verdict.more_seeds) == (outcome, more_seeds)


@given(samples, accuracies)
def test_more_seeds_is_the_smallest_number_that_would_decide(values: list[float], target: float) -> None:
    verdict = judge(values, target)
    std, n, gap = float(np.std(values, ddof=1)), len(values), abs(float(np.mean(values)) - target)

    def half(n: int) -> float:
        return float(stats.t.ppf(0.975, n - 1)) * std / math.sqrt(n)

    if verdict.outcome != "inconclusive":
        assert verdict.more_seeds is None
        assert half(n) <= gap + 1e-9
    elif verdict.more_seeds is None:
        assert len(set(values)) == 1 or half(n + 10_000) >= gap - 1e-9
    else:
        assert half(n + verdict.more_seeds) <= gap + 1e-9
        assert half(n + verdict.more_seeds - 1) >= gap - 1e-9


EPOCHS = {
    "one seed": ([[98.0, 99.41, 99.45]], 2, "pass", 1, 99.41),
    "one epoch": ([[98.0, 99.41, 99.45]], 1, "pass", 1, 99.45),
    "an early epoch below": ([[98.0, 99.41]], 2, "fail", 0, 98.0),
    "two of three seeds": ([[99.5, 99.5], [99.5, 99.3], [99.41, 99.42]], 2, "fail", 2, 99.3),
    "all of two seeds": ([[99.5, 99.5], [1.0, 99.41, 99.42]], 2, "pass", 2, 99.41),
    "equal is not above": ([[99.4, 99.5]], 2, "fail", 0, 99.4),
}


@pytest.mark.parametrize(("by_seed", "last", "outcome", "passed", "lowest"), EPOCHS.values(), ids=EPOCHS.keys())
def test_verdict_on_the_last_epochs(
    by_seed: list[list[float]], last: int, outcome: str, passed: int, lowest: float
) -> None:
    verdict = judge_last_epochs(dict(enumerate(by_seed, 7)), last, 99.4)
    assert (verdict.outcome, verdict.passed, verdict.n, verdict.lowest) == (outcome, passed, len(by_seed), lowest)
    seed, epoch = verdict.lowest_seed, verdict.lowest_epoch
    assert by_seed[seed - 7][epoch - 1] == lowest
    assert epoch > len(by_seed[seed - 7]) - last


@pytest.mark.parametrize(("rows", "last"), [([[99.0, 99.0], [99.0]], 2), ([[99.0]], 0), ([], 1)])
def test_epochs_that_were_not_trained_are_refused(rows: Sequence[Sequence[float]], last: int) -> None:
    with pytest.raises(UsageError, match=f"--last-epochs {last}: expects a number from 1 to the epochs trained, "):
        judge_last_epochs(dict(enumerate(rows)), last, 99.4)


@pytest.mark.parametrize(("a", "b"), [(TEN, FIVE), (FIVE, TEN), (TEN, TEN[:3])], ids=["ab", "ba", "near"])
def test_welch_is_scipys(a: list[float], b: list[float]) -> None:
    expected = stats.ttest_ind(a, b, equal_var=False)
    interval = expected.confidence_interval(0.95)
    found = welch(a, b)
    assert found.interval == pytest.approx((interval.low, interval.high), abs=1e-9)
    assert (found.difference, found.t, found.degrees_of_freedom, found.p) == pytest.approx(
        (np.mean(a) - np.mean(b), expected.statistic, expected.df, expected.pvalue), rel=1e-6
    )


def test_welch_against_a_sample_without_spread_is_the_test_of_one_sample() -> None:
    found, expected = welch(FIVE, [99.4, 99.4]), stats.ttest_1samp(FIVE, 99.4)
    assert (found.t, found.degrees_of_freedom, found.p) == pytest.approx((expected.statistic, 4, expected.pvalue))


def test_welch_by_hand() -> None:
    found = welch([1.0, 2.0, 3.0], [2.0, 4.0, 6.0, 8.0])  # variances 1 and 20/3, errors squared 1/3 and 5/3
    assert (found.difference, found.t) == pytest.approx((-3, -3 / math.sqrt(2)))
    assert found.degrees_of_freedom == pytest.approx(2**2 / ((1 / 3) ** 2 / 2 + (5 / 3) ** 2 / 3))


@given(samples, samples)
def test_welch_is_antisymmetric_and_its_interval_holds_the_difference(a: list[float], b: list[float]) -> None:
    forth, back = welch(a, b), welch(b, a)
    assert (back.difference, back.p, back.degrees_of_freedom) == (-forth.difference, forth.p, forth.degrees_of_freedom)
    if forth.interval is None or back.interval is None or forth.p is None:
        assert len(set(a)) == len(set(b)) == 1
        return
    low, high = forth.interval
    assert back.interval == (-high, -low)
    assert low <= forth.difference <= high
    if abs(forth.p - 0.05) > 1e-9:
        assert (forth.p < 0.05) == (not low <= 0 <= high)


@pytest.mark.parametrize(("a", "b"), [(99.4, 99.4), (99.4, 99.5)])
def test_without_any_spread_welch_tells_the_difference_alone(a: float, b: float) -> None:
    assert welch([a, a], [b, b, b]) == Difference(a - b, None, None, None, None)


@pytest.mark.parametrize(("a", "b"), [([99.4], TEN), (TEN, [99.4])])
def test_welch_needs_two_values_on_each_side(a: list[float], b: list[float]) -> None:
    with pytest.raises(UsageError, match="one value says nothing about the spread"):
        welch(a, b)


@pytest.mark.parametrize(
    ("only_a", "only_b"), [(0, 1), (5, 0), (6, 0), (3, 3), (40, 20), (12, 30), (999, 1), (600, 520)]
)
def test_mcnemar_is_mlxtends(only_a: int, only_b: int) -> None:
    _, expected = mlxtend_mcnemar(np.array([[9000, only_a], [only_b, 50]]), exact=True)
    assert mcnemar(only_a, only_b) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_mcnemar_by_hand() -> None:
    assert mcnemar(8, 2) == pytest.approx(2 * (1 + 10 + 45) / 1024)


def test_without_disagreement_mcnemar_shows_nothing() -> None:
    assert mcnemar(0, 0) == 1


def test_paired_interval_is_the_published_example() -> None:
    """R's PropCIs 0.3-0, `diffpropci.mp(b = 40, c = 20, n = 160)`, prints this with the signs turned."""
    assert paired_interval(40, 20, 160) == pytest.approx((0.03089632, 0.21601726), abs=1e-8)


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 9000))
def test_paired_interval_is_antisymmetric_and_between_minus_one_and_one(only_a: int, only_b: int, rest: int) -> None:
    n = max(1, only_a + only_b + rest)
    low, high = paired_interval(only_a, only_b, n)
    assert -1 <= low < high <= 1
    assert paired_interval(only_b, only_a, n) == (-high, -low)


@pytest.mark.parametrize(("successes", "trials"), [(9940, 10_000), (0, 10), (10, 10), (1, 2), (994, 1000)])
def test_wilson_interval_is_scipys(successes: int, trials: int) -> None:
    expected = stats.binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    assert wilson_interval(successes, trials) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_one_more_value_lies_within_the_prediction_interval() -> None:
    """Of 1, 2 and 3 the mean is 2 and the deviation 1; Student's t is 4.302653 for two degrees of freedom."""
    low, high = prediction_interval([1.0, 2.0, 3.0])
    assert (low, high) == pytest.approx((2 - 4.302653 * (4 / 3) ** 0.5, 2 + 4.302653 * (4 / 3) ** 0.5))
