"""What a confusion matrix says where it has too many classes to be looked at: which pairs are confused most, and which
classes are read worst."""

from dataclasses import dataclass

import numpy as np

from tinymnist.evaluation import Evaluation

MOST_IN_MATRIX = 50
"""Most classes of which a matrix is drawn."""
WIDE_MATRIX = 12
"""With more classes than this, a matrix is as wide as the page, and lists stand below it."""
MOST_LISTED = 15
"""Pairs, and classes, that a list has at most."""


@dataclass(frozen=True, slots=True)
class Confused:
    """Two classes, the first of which is read as the second."""

    true: int
    read: int
    count: int
    of: int
    """Images of the first."""


@dataclass(frozen=True, slots=True)
class ClassScore:
    """How many images of a class are read right."""

    label: int
    right: int
    of: int

    @property
    def accuracy(self) -> float:
        """Percent."""
        return 100.0 * self.right / self.of


def most_confused(evaluation: Evaluation, most: int = MOST_LISTED) -> list[Confused]:
    """Pairs of classes with the most mistakes first; equal ones in the order of the classes."""
    counts = np.array(evaluation.confusion)
    mistakes = counts.copy()
    np.fill_diagonal(mistakes, 0)
    places = np.argsort(-mistakes, axis=None, kind="stable")[:most]
    pairs = [(*divmod(place, len(counts)), int(mistakes.flat[place])) for place in places.tolist()]
    return [Confused(true, read, count, int(counts[true].sum())) for true, read, count in pairs if count]


def read_worst(evaluation: Evaluation, most: int = MOST_LISTED) -> list[ClassScore]:
    """Classes with the lowest accuracy first, of those with mistakes; equal ones in the order of the classes."""
    scores = [ClassScore(label, row[label], sum(row)) for label, row in enumerate(evaluation.confusion)]
    wrong = [each for each in scores if each.right < each.of]
    return sorted(wrong, key=lambda each: each.accuracy)[:most]
