"""The verdicts of `check` as text for people, JUnit for CI servers, annotations for GitHub."""

from collections.abc import Sequence

from tinymnist.check import Doubt, Report, Verdict
from tinymnist.cli import junit
from tinymnist.text import counted, printable


def as_text(reports: Sequence[Report]) -> str:
    """One line per rule, and a line that sums them up."""
    lines = [line for report in reports for line in (*map(_line, report.verdicts), *map(_warning, report.doubts))]
    return "\n".join([*lines, _total(reports)])


def _line(verdict: Verdict) -> str:
    mark = "ok  " if verdict.passed else "FAIL"
    return printable(f"{mark} {verdict.place}: {verdict.rule}: {_finding(verdict)}")


def _finding(verdict: Verdict) -> str:
    return verdict.found if verdict.asked is None else f"asked {verdict.asked}, found {verdict.found}"


def _warning(doubt: Doubt) -> str:
    return printable(f"warn {doubt.place}: {doubt.text}")


def _total(reports: Sequence[Report]) -> str:
    verdicts = [verdict for report in reports for verdict in report.verdicts]
    failed = sum(not verdict.passed for verdict in verdicts)
    invalid = sum(report.error is not None for report in reports)
    problems = [f"{failed} failed"] * bool(failed) + [counted(invalid, "invalid spec")] * bool(invalid)
    warned = sum(len(report.doubts) for report in reports)
    outcome = ", ".join([*(problems or ["all passed"]), *[counted(warned, "warning")] * bool(warned)])
    return f"{counted(len(reports), 'architecture')}, {counted(len(verdicts), 'rule')}: {outcome}"


def as_junit(reports: Sequence[Report]) -> str:
    """One suite per file, one case per rule."""
    return junit.as_junit("tinymnist check", [*map(_suite, reports)])


def _suite(report: Report) -> junit.Suite:
    cases = [(verdict.rule, None if verdict.passed else _line(verdict)) for verdict in report.verdicts]
    return junit.Suite(report.file, cases, None if report.error is None else ("valid", str(report.error)))


def as_annotations(reports: Sequence[Report]) -> str:
    """Workflow commands with which GitHub shows each failure at its line:
    https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands"""
    lines = []
    for report in reports:
        if report.error is not None:
            line = getattr(report.error, "line", None)
            message = str(report.error).removeprefix(f"{report.file}:").removeprefix(f"{line}:").lstrip()
            lines.append(_annotation(report.file, line, "invalid spec", message))
        for verdict in report.verdicts:
            if not verdict.passed:
                lines.append(_annotation(report.file, verdict.place.line, verdict.rule, _finding(verdict)))
        for doubt in report.doubts:
            lines.append(_annotation(report.file, doubt.place.line, doubt.where, doubt.message, "warning"))
    return "\n".join([*lines, _total(reports)])


def _annotation(file: str, line: int | None, title: str, message: str, kind: str = "error") -> str:
    place = f"file={_property(file)}" + (f",line={line}" if line is not None else "")
    return f"::{kind} {place},title={_property(title)}::{_message(message)}"


def _message(text: str) -> str:
    return printable(text).replace("%", "%25")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
