"""The words of verdicts."""

import pytest

from tinymnist.cli.verdict import verdict_text
from tinymnist.statistics import judge, judge_last_epochs

TEN = [99.41, 99.44, 99.45, 99.42, 99.47, 99.39, 99.46, 99.43, 99.44, 99.45]
FIVE = [99.32, 99.41, 99.28, 99.37, 99.45]

VERDICTS = {
    "pass": (TEN, 99.4, "target 99.40 %: pass (95 % interval of the mean 99.42 to 99.45 %, n 10)"),
    "fail": (FIVE, 99.5, "target 99.50 %: fail (95 % interval of the mean 99.28 to 99.45 %, n 5)"),
    "inconclusive": (
        FIVE,
        99.4,
        "target 99.40 %: inconclusive (95 % interval of the mean 99.28 to 99.45 %, n 5): about 13 more seeds would "
        "probably decide it",
    ),
    "one more": (
        [99.38, 99.44, 99.42, 99.44],
        99.38,
        "target 99.38 %: inconclusive (95 % interval of the mean 99.37 to 99.47 %, n 4): about 1 more seed would "
        "probably decide it",
    ),
    "never": (
        [99.3, 99.5],
        99.4,
        "target 99.40 %: inconclusive (95 % interval of the mean 98.13 to 100.00 %, n 2): too near for more seeds to "
        "decide it",
    ),
    "one seed": (
        [99.42],
        99.4,
        "target 99.40 %: inconclusive (99.42 %, n 1): one seed says nothing about the spread: train several",
    ),
    "an end that would read as the target": (
        [99.42, 99.43, 99.44],
        99.405,
        "target 99.4050 %: pass (95 % interval of the mean 99.4052 to 99.4548 %, n 3)",
    ),
    "all on the target": (
        [99.4] * 3,
        99.4,
        "target 99.4000 %: inconclusive (all 3 seeds 99.4000 %): what does not vary says nothing about the spread: "
        "train more",
    ),
}


@pytest.mark.parametrize(("values", "target", "text"), VERDICTS.values(), ids=VERDICTS.keys())
def test_verdict_in_words(values: list[float], target: float, text: str) -> None:
    verdict = judge(values, target)
    assert verdict_text(verdict) == text
    assert f": {verdict.outcome} " in text


def test_the_interval_is_told_within_0_and_100() -> None:
    assert "95 % interval of the mean 0.00 to 100.00 %, n 2" in verdict_text(judge([45.7, 66.5], 60.0))


EPOCHS = {
    "one seed": ([[98.0, 99.41, 99.45]], 2, "target 99.40 % in each of the last 2 epochs: pass (lowest 99.41 %)"),
    "one epoch": ([[98.0, 99.41, 99.45]], 1, "target 99.40 % in the last epoch: pass (lowest 99.45 %)"),
    "an early epoch below": (
        [[98.0, 99.41]],
        2,
        "target 99.40 % in each of the last 2 epochs: fail (lowest 98.00 %, in epoch 1)",
    ),
    "two of three seeds": (
        [[99.5, 99.5], [99.5, 99.3], [99.41, 99.42]],
        2,
        "target 99.40 % in each of the last 2 epochs: fail (2 of 3 seeds, lowest 99.30 %, of seed 8 in epoch 2)",
    ),
    "all of two seeds": (
        [[99.5, 99.5], [1.0, 99.41, 99.42]],
        2,
        "target 99.40 % in each of the last 2 epochs: pass (2 of 2 seeds, lowest 99.41 %)",
    ),
    "equal is not above": (
        [[99.4, 99.5]],
        2,
        "target 99.4000 % in each of the last 2 epochs: fail (lowest 99.4000 %, in epoch 1)",
    ),
}


@pytest.mark.parametrize(("accuracies_by_seed", "last", "text"), EPOCHS.values(), ids=EPOCHS.keys())
def test_verdict_on_the_last_epochs_in_words(accuracies_by_seed: list[list[float]], last: int, text: str) -> None:
    assert verdict_text(judge_last_epochs(dict(enumerate(accuracies_by_seed, 7)), last, 99.4)) == text
