"""Grades as a table for people, and as CSV, Markdown, JUnit and what Gradescope reads."""

import csv
import io
import json
import re
from collections.abc import Sequence

from tinymnist.cli.junit import Suite, as_junit
from tinymnist.grading.grades import Grade
from tinymnist.text import fitted_table, printable

RULES = ("valid", "budget", "rules", "accuracy")
FORMULA = ("=", "+", "-", "@")
"""What a spreadsheet would compute."""


def as_text(grades: Sequence[Grade], width: int | None) -> str:
    """A table, and below it a line for each submission that lacks points or has a remark."""
    titles = ["submission", "status", "parameters", "accuracy %", "points"]
    table = fitted_table("< < > > >", [titles, *map(_cells, grades)], width)
    reasons = [printable(f"{grade.submission}: {grade.reason}") for grade in grades if grade.reason]
    return "\n".join([*table, *([""] if reasons else []), *reasons])


def _cells(grade: Grade) -> list[str]:
    return [
        printable(grade.submission),
        grade.status,
        "" if grade.parameters is None else f"{grade.parameters:,}",
        "" if grade.accuracy is None else f"{grade.accuracy:.2f}",
        f"{grade.points:g} of {grade.most:g}",
    ]


def as_markdown(grades: Sequence[Grade]) -> str:
    """A table, such as the summary of a job shows."""
    rows = [["submission", "status", "parameters", "accuracy %", "points", "reason"], ["---"] * 6]
    rows += [[*_cells(grade), grade.reason] for grade in grades]
    return "\n".join(f"| {' | '.join(_cell(text) for text in row)} |" for row in rows)


def _cell(text: str) -> str:
    """Text that neither ends the cell nor becomes markup."""
    plain = re.sub(r"([\\|*\[\]~])", r"\\\1", printable(text))
    return plain.replace("<", "&lt;").replace(">", "&gt;").replace("`", "'")


def as_csv(grades: Sequence[Grade]) -> str:
    """One row per submission."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = ["submission", "status", "parameters", "accuracy", "points"]
    writer.writerow([*columns, *(f"points_{rule}" for rule in RULES), "reason"])
    for grade in grades:
        parts = {part.rule: f"{part.points:g}" for part in grade.parts}
        accuracy = "" if grade.accuracy is None else f"{grade.accuracy:.4f}"
        figures = [grade.parameters, accuracy, f"{grade.points:g}", *(parts[rule] for rule in RULES)]
        writer.writerow([_plain(grade.submission), grade.status, *figures, _plain(grade.reason)])
    return text.getvalue()


def _plain(text: str) -> str:
    shown = printable(text)
    return f"'{shown}" if shown.startswith(FORMULA) else shown


def as_junit_xml(grades: Sequence[Grade]) -> str:
    """A suite per submission, a case per part of its points."""
    suites = [
        Suite(grade.submission, [(part.rule, None if part.passed else part.reason) for part in grade.parts])
        for grade in grades
    ]
    return as_junit("tinymnist grade", suites)


def as_failed_in_gradescope(problem: str) -> str:
    """What Gradescope reads where grading itself failed."""
    return json.dumps(
        {"score": 0, "output": printable(f"could not be graded: {problem}"), "visibility": "visible"}, indent=2
    )


def as_gradescope(grade: Grade) -> str:
    """The `results.json` of an autograder: https://gradescope-autograders.readthedocs.io/en/latest/specs/"""
    tests = [
        {
            "name": part.rule,
            "score": part.points,
            "max_score": part.most,
            "status": "passed" if part.passed else "failed",
            "output": printable(part.reason),
            "visibility": "visible",
        }
        for part in grade.parts
    ]
    board: list[dict[str, object]] = [
        {"name": "accuracy", "value": None if grade.accuracy is None else round(grade.accuracy, 2), "order": "desc"},
        {"name": "parameters", "value": grade.parameters, "order": "asc"},
    ]
    content = {
        "score": grade.points,
        "output": printable(grade.reason),
        "visibility": "visible",
        "tests": tests,
        "leaderboard": [entry for entry in board if entry["value"] is not None],
    }
    return json.dumps(content, indent=2)
