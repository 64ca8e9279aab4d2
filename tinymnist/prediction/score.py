"""Scores predictions of pictures of which the classes are known."""

from collections.abc import Iterable
from dataclasses import dataclass

from tinymnist.prediction.predictor import Prediction, Unusable
from tinymnist.statistics import Interval, wilson_interval


@dataclass(frozen=True, slots=True)
class LabelledScore:
    """How many of `n` pictures with a label were told right. One that cannot be used counts as wrong."""

    correct: int
    n: int

    @property
    def accuracy(self) -> float:
        """In percent."""
        return 100 * self.correct / self.n

    @property
    def interval(self) -> Interval:
        """95 % interval of the accuracy, by Wilson, in percent."""
        low, high = wilson_interval(self.correct, self.n)
        return 100 * low, 100 * high


def score_labelled(found: Iterable[Prediction | Unusable]) -> LabelledScore | None:
    """The score of those that have a label; None where none has."""
    labelled = [each for each in found if each.label is not None]
    if not labelled:
        return None
    return LabelledScore(
        sum(isinstance(each, Prediction) and each.class_name == each.true_class for each in labelled), len(labelled)
    )
