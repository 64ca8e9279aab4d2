"""The page about a class: what was handed in, and which networks no other one beats."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from tinymnist.files import write_atomically
from tinymnist.grading.api import Graded
from tinymnist.grading.declaration import Assignment
from tinymnist.grading.grades import Grade
from tinymnist.report.api import page_path
from tinymnist.report.class_picture import Mark, class_picture
from tinymnist.report.columns import data_url
from tinymnist.report.page import page_style
from tinymnist.search.ranking import front
from tinymnist.templating import render
from tinymnist.text import counted
from tinymnist.version import __version__


def write_class_page(graded: Graded, output: str | PathLike[str], *, anonymous: bool = False) -> Path:
    """Writes the page about all grades to `output`, whole or not at all. An `anonymous` one has no names, points and
    reasons: the networks that were trained are numbered from the best on.

    Raises `UsageError` if `output` does not end in `.html`, and `DataError` where it cannot be written.
    """
    target = page_path(output)
    assignment = graded.grading.assignment
    trained = sorted(
        (grade for grade in graded.grades if grade.accuracy is not None),
        key=lambda grade: (-(grade.accuracy or 0.0), grade.parameters or 0, grade.submission),
    )
    names = {grade.submission: str(place + 1) if anonymous else grade.submission for place, grade in enumerate(trained)}
    marks = [_mark(grade, names) for grade in trained]
    best = [marks[place] for place in front([(-accuracy, parameters) for _, parameters, accuracy in marks])]
    on_front = {name for name, _, _ in best}
    shown = [
        (names.get(grade.submission, grade.submission), grade) for grade in (trained if anonymous else graded.grades)
    ]
    content = render(
        "tinymnist.report",
        "class.html",
        names=[assignment.name],
        assignment=assignment,
        facts=_facts(graded),
        anonymous=anonymous,
        picture=_picture(marks, best, assignment),
        shown=[(name, grade, grade.accuracy is not None and name in on_front) for name, grade in shown],
        parts=[] if anonymous else _parts(graded.grades),
        style=page_style(),
        version=__version__,
    )
    write_atomically(target, content)
    return target


def _mark(grade: Grade, names: dict[str, str]) -> Mark:
    assert grade.parameters is not None
    assert grade.accuracy is not None
    return names[grade.submission], grade.parameters, grade.accuracy


def _picture(marks: Sequence[Mark], front: Sequence[Mark], assignment: Assignment) -> str | None:
    if not marks:
        return None
    return data_url(class_picture(marks, front, assignment.target.accuracy, assignment.checks.max_params), "svg+xml")


def _facts(graded: Graded) -> list[tuple[str, str]]:
    record, target = graded.grading.record, graded.grading.assignment.target
    trained = sum(grade.accuracy is not None for grade in graded.grades)
    when = "after the last epoch" if target.last_epochs == 1 else f"in each of the last {target.last_epochs} epochs"
    return [
        ("handed in", f"{len(graded.grades):,}, of which {trained:,} were trained"),
        ("trained on", f"{record.dataset}, with {counted(len(record.seeds), 'seed')}"),
        ("asked", f"{target.accuracy:g} %, {when}, as a mean over the seeds"),
    ]


def _parts(grades: Sequence[Grade]) -> list[tuple[str, int]]:
    """How many were given each part of the points."""
    given: dict[str, int] = {}
    for grade in grades:
        for part in grade.parts:
            given[part.rule] = given.get(part.rule, 0) + part.passed
    return [*given.items()]
