"""Verdicts in the form of JUnit, which CI servers show."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from tinymnist.text import printable


@dataclass(frozen=True, slots=True)
class Suite:
    """The verdicts about one thing."""

    name: str
    cases: Sequence[tuple[str, str | None]]
    """The name of each, and where it failed, the message."""
    error: tuple[str, str] | None = None
    """What could not be done, and why."""


def as_junit(title: str, suites: Sequence[Suite]) -> str:
    """The XML of all suites."""
    root = ElementTree.Element("testsuites", name=title)
    for suite in suites:
        failures = sum(message is not None for _, message in suite.cases)
        element = ElementTree.SubElement(
            root,
            "testsuite",
            name=printable(suite.name),
            tests=str(len(suite.cases) + (suite.error is not None)),
            failures=str(failures),
            errors=str(int(suite.error is not None)),
        )
        if suite.error is not None:
            _case(element, suite, *suite.error, kind="error")
        for name, message in suite.cases:
            _case(element, suite, name, message)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode")


def _case(parent: ElementTree.Element, suite: Suite, name: str, message: str | None, kind: str = "failure") -> None:
    case = ElementTree.SubElement(parent, "testcase", classname=printable(suite.name), name=name)
    if message is not None:
        ElementTree.SubElement(case, kind, message=printable(message))
