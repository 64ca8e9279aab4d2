"""The confusion matrix of an evaluation as text, or where it is too large, what stands out in it."""

from typing import TYPE_CHECKING

from tinymnist.text import printable, shown, table

if TYPE_CHECKING:
    from tinymnist.evaluation import Evaluation

MOST_CLASSES = 30
"""A larger matrix is not shown."""
LONGEST_NAME = 24
WORST, PAIRS = 10, 10
"""Classes and confusions that are shown in place of a matrix."""


def confusion_as_text(evaluation: "Evaluation", width: int | None) -> list[str]:
    """The matrix, with the accuracy of each class; of many classes, or in a narrow terminal, the worst classes and the
    most frequent confusions."""
    if len(evaluation.confusion) <= MOST_CLASSES:
        for lines in (_matrix(evaluation, "true \\ predicted", 4), _matrix(evaluation, "true", 0)):
            if width is None or max(map(len, lines)) <= width:
                return lines
    return [*_worst(evaluation), "", *_most_frequent(evaluation)]


def _matrix(evaluation: "Evaluation", title: str, column: int) -> list[str]:
    """Columns are at least `column` wide. They have numbers, rows also names, unless those are the same."""
    classes = range(len(evaluation.confusion))
    numbered = evaluation.class_names == tuple(map(str, classes))
    names = [str(label) if numbered else f"{_short(evaluation, label)} {label}" for label in classes]
    rows = [
        [name, *(str(count or ".") for count in counts), _percent(accuracy)]
        for name, counts, accuracy in zip(names, evaluation.confusion, evaluation.accuracy_by_class, strict=True)
    ]
    return table(f">{f' >{column}' * len(classes)} >8", [[title, *map(str, classes), "accuracy"], *rows])


def _worst(evaluation: "Evaluation") -> list[str]:
    tested = [(right, label) for label, right in enumerate(evaluation.accuracy_by_class) if right is not None]
    worst = sorted(tested)[:WORST]
    rows = [
        [_short(evaluation, label), f"{sum(evaluation.confusion[label]):,}", _percent(right)] for right, label in worst
    ]
    which = "all classes" if len(worst) == len(tested) else f"the {len(worst)} worst of {len(tested):,} classes"
    return table("< > >", [[which, "images", "accuracy"], *rows])


def _most_frequent(evaluation: "Evaluation") -> list[str]:
    pairs = [
        (count, true, predicted)
        for true, counts in enumerate(evaluation.confusion)
        for predicted, count in enumerate(counts)
        if count and predicted != true
    ]
    pairs.sort(key=lambda pair: -pair[0])
    rows = [
        [f"{_short(evaluation, true)} as {_short(evaluation, predicted)}", f"{count:,}"]
        for count, true, predicted in pairs[:PAIRS]
    ]
    return table("< >", [["most often taken", "images"], *rows]) if rows else ["no image was taken for another class"]


def _percent(accuracy: float | None) -> str:
    return "-" if accuracy is None else f"{accuracy:.2f} %"


def _short(evaluation: "Evaluation", label: int) -> str:
    return shown(printable(evaluation.class_names[label]), LONGEST_NAME + 2)[1:-1]
