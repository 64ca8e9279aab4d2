"""Verdicts as text for people, JSON for programs, JUnit for CI servers, annotations for GitHub."""

import json
from collections.abc import Callable, Sequence
from xml.etree import ElementTree

from typing_extensions import TypedDict

from tinymnist.check.rules import Report, Verdict
from tinymnist.errors import combined_exit_code
from tinymnist.text import SCHEMA_VERSION, printable


class RuleOutput(TypedDict):
    rule: str
    asked: str
    found: str
    passed: bool
    file: str
    line: int | None
    option: str | None


class ArchitectureOutput(TypedDict):
    file: str
    name: str | None
    passed: bool
    error: str | None
    rules: list[RuleOutput]


class Output(TypedDict):
    """What `check --json` prints."""

    schema_version: int
    exit_code: int
    architectures: list[ArchitectureOutput]


def render(reports: Sequence[Report], form: str) -> str:
    """The reports in one of `FORMATS`."""
    return FORMATS[form](reports)


def _text(reports: Sequence[Report]) -> str:
    verdicts = [verdict for report in reports for verdict in report.verdicts]
    failed = sum(not verdict.passed for verdict in verdicts)
    invalid = sum(report.error is not None for report in reports)
    lines = [_line(verdict) for verdict in verdicts]
    problems = [f"{failed} failed"] * bool(failed) + [_count(invalid, "invalid spec")] * bool(invalid)
    outcome = ", ".join(problems) or "all passed"
    lines.append(f"{_count(len(reports), 'architecture')}, {_count(len(verdicts), 'rule')}: {outcome}")
    return "\n".join(lines)


def _line(verdict: Verdict) -> str:
    mark = "ok  " if verdict.passed else "FAIL"
    return printable(f"{mark} {verdict.place}: {verdict.rule}: asked {verdict.asked}, found {verdict.found}")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _json(reports: Sequence[Report]) -> str:
    content: Output = {
        "schema_version": SCHEMA_VERSION,
        "exit_code": combined_exit_code([report.exit_code for report in reports]),
        "architectures": [
            {
                "file": report.file,
                "name": report.name,
                "passed": report.exit_code == 0,
                "error": None if report.error is None else str(report.error),
                "rules": [_as_dict(verdict) for verdict in report.verdicts],
            }
            for report in reports
        ],
    }
    return json.dumps(content, indent=2)


def _as_dict(verdict: Verdict) -> RuleOutput:
    return {
        "rule": verdict.rule,
        "asked": verdict.asked,
        "found": verdict.found,
        "passed": verdict.passed,
        "file": verdict.place.file,
        "line": verdict.place.line,
        "option": verdict.place.option,
    }


def _junit(reports: Sequence[Report]) -> str:
    root = ElementTree.Element("testsuites", name="tinymnist check")
    for report in reports:
        cases = max(1, len(report.verdicts))
        failures = sum(not verdict.passed for verdict in report.verdicts)
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=printable(report.file),
            tests=str(cases),
            failures=str(failures),
            errors=str(int(report.error is not None)),
        )
        if report.error is not None:
            case = ElementTree.SubElement(suite, "testcase", classname=printable(report.file), name="valid")
            ElementTree.SubElement(case, "error", message=printable(str(report.error)))
        for verdict in report.verdicts:
            case = ElementTree.SubElement(suite, "testcase", classname=printable(report.file), name=verdict.rule)
            if not verdict.passed:
                ElementTree.SubElement(case, "failure", message=_line(verdict))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode")


def _github(reports: Sequence[Report]) -> str:
    """Workflow commands that put each failure beside its line:
    https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands"""
    lines = []
    for report in reports:
        if report.error is not None:
            line = getattr(report.error, "line", None)
            lines.append(_annotation(report.file, line, "invalid spec", str(report.error)))
        for verdict in report.verdicts:
            if not verdict.passed:
                found = f"asked {verdict.asked}, found {verdict.found}"
                lines.append(_annotation(report.file, verdict.place.line, verdict.rule, found))
    return "\n".join([*lines, _text(reports).splitlines()[-1]])


def _annotation(file: str, line: int | None, title: str, message: str) -> str:
    place = f"file={_property(file)}" + (f",line={line}" if line is not None else "")
    return f"::error {place},title={_property(title)}::{_message(message)}"


def _message(text: str) -> str:
    return printable(text).replace("%", "%25")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


FORMATS: dict[str, Callable[[Sequence[Report]], str]] = {
    "text": _text,
    "json": _json,
    "junit": _junit,
    "github": _github,
}
