"""The points of a submission, and the reason for each of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tinymnist.grading.declaration import Assignment

Status = Literal["graded", "invalid", "refused", "unfit", "diverged", "too slow"]
"""`refused`: over the budget, or with a recipe that is not allowed, and so not trained; `unfit`: it cannot be trained
on the images of the assignment."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the points."""

    rule: str
    points: float
    most: float
    reason: str

    @property
    def passed(self) -> bool:
        return self.points == self.most


@dataclass(frozen=True, slots=True)
class Grade:
    """All that there is to say about one submission."""

    submission: str
    status: Status
    parameters: int | None
    parts: tuple[Part, ...]
    accuracy: float | None = None
    """The mean over the seeds after the last epoch, percent; None where it was not trained."""
    accuracies: tuple[float, ...] = ()
    """Of each seed."""
    remarks: tuple[str, ...] = ()
    """What a teacher may want to know: a claim that training contradicts, a copy."""

    @property
    def points(self) -> float:
        return sum(part.points for part in self.parts)

    @property
    def most(self) -> float:
        return sum(part.most for part in self.parts)

    @property
    def reason(self) -> str:
        """Why points are missing, and the remarks."""
        return "; ".join(dict.fromkeys([*(part.reason for part in self.parts if not part.passed), *self.remarks]))


def accuracy_part(assignment: Assignment, epochs_by_seed: Sequence[Sequence[float]]) -> Part:
    """Whether each of the last epochs reaches the target, as a mean over the seeds."""
    most, target = assignment.points.accuracy, assignment.target
    last, epochs = target.last_epochs, min(map(len, epochs_by_seed))
    if epochs < last:
        return Part("accuracy", 0.0, most, f"trains {epochs} epochs, and the last {last} are asked for")
    means = [sum(column) / len(column) for column in zip(*(epochs[-last:] for epochs in epochs_by_seed), strict=True)]
    lowest = min(means)
    words = "after the last epoch" if last == 1 else f"in the last {last} epochs at least"
    passed = round(lowest, 9) >= target.accuracy  # a mean of percentages may be off by a rounding error
    reason = f"{lowest:.2f} % {words}, asked {target.accuracy:g} %"
    return Part("accuracy", most if passed else 0.0, most, reason)
