"""The words of verdicts on a target."""

from collections.abc import Sequence

from tinymnist.statistics import LastEpochsVerdict, Verdict


def verdict_text(verdict: Verdict | LastEpochsVerdict) -> str:
    """One line."""
    return _mean_text(verdict) if isinstance(verdict, Verdict) else _last_epochs_text(verdict)


def _mean_text(verdict: Verdict) -> str:
    summary, target = verdict.summary, verdict.target
    if summary.interval is None:
        decimals = _decimals(target, [summary.mean])
        return (
            f"target {target:.{decimals}f} %: inconclusive ({summary.mean:.{decimals}f} %, n 1): one seed says nothing "
            "about the spread: train several"
        )
    if summary.std == 0:
        decimals = _decimals(target, [summary.mean])
        return (
            f"target {target:.{decimals}f} %: inconclusive (all {summary.n} seeds {summary.mean:.{decimals}f} %): what "
            "does not vary says nothing about the spread: train more"
        )
    low, high = max(0.0, summary.interval[0]), min(100.0, summary.interval[1])
    decimals = _decimals(target, [low, high])
    line = (
        f"target {target:.{decimals}f} %: {verdict.outcome} (95 % interval of the mean "
        f"{low:.{decimals}f} to {high:.{decimals}f} %, n {summary.n})"
    )
    if verdict.outcome != "inconclusive":
        return line
    if verdict.more_seeds is None:
        return f"{line}: too near for more seeds to decide it"
    return f"{line}: about {verdict.more_seeds:,} more seed{'s' * (verdict.more_seeds > 1)} would probably decide it"


def _last_epochs_text(verdict: LastEpochsVerdict) -> str:
    target, lowest = verdict.target, verdict.lowest
    decimals = _decimals(target, [lowest])
    epochs = "in the last epoch" if verdict.last == 1 else f"in each of the last {verdict.last} epochs"
    seeds = "" if verdict.n == 1 else f"{verdict.passed} of {verdict.n} seeds, "
    culprit = ""
    if verdict.outcome == "fail":
        of_seed = "" if verdict.n == 1 else f" of seed {verdict.lowest_seed}"
        culprit = f",{of_seed} in epoch {verdict.lowest_epoch}"
    found = f"{seeds}lowest {lowest:.{decimals}f} %{culprit}"
    return f"target {target:.{decimals}f} % {epochs}: {verdict.outcome} ({found})"


def _decimals(target: float, values: Sequence[float]) -> int:
    """The fewest decimals, from 2, that write the target exactly and differ from it for all values beside it."""
    for decimals in (2, 3):
        written = f"{target:.{decimals}f}"
        if float(written) == target and written not in [f"{value:.{decimals}f}" for value in values]:
            return decimals
    return 4
