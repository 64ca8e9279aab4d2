"""A strict reading of YAML: plain data and the line of every value, or one clear error.

YAML's conveniences make files mean something other than they say (`no` is false, `010` is 8, `1:30` is 90), and its
anchors and tags let a small file grow huge or run code. None of them is needed to describe a network, so each is an
error. What is left is YAML 1.2's core schema, which every editor understands.
"""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from tinymnist.errors import DataError, SpecError
from tinymnist.spec.path import Path
from tinymnist.text import shown

MAX_BYTES = 1 << 20
MAX_DEPTH = 20
MAX_DIGITS = 20
MAX_ENTRIES = 10_000
MAX_KEYS = 1000
MAX_VALUES = 100_000

TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels: no spec is that deep"

_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's parser if PyYAML was built with it

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_AMBIGUOUS = [
    (
        re.compile(r"yes|no|on|off|y|n", re.I),
        "older YAML reads it as true or false: write true or false, or quote it if it is text",
    ),
    (
        re.compile(r"[-+]?0[0-9_]+(\.[0-9_]*)?([eE][-+]?[0-9]+)?"),
        "a leading zero is octal to some readers: leave it out, or quote it if it is text",
    ),
    (re.compile(r"[-+]?0[xob][0-9a-fA-F_]+"), "write the number in decimal digits"),
    (
        re.compile(r"(?=[^_]*_)[-+]?[0-9][0-9_.]*([eE][-+]?[0-9]+)?"),
        "write it without underscores",
    ),
    (re.compile(r"[-+]?[0-9]+(:[0-5]?[0-9])+(\.[0-9]*)?"), "older YAML reads it in base 60: quote it if it is text"),
    (re.compile(r"[-+]?\.inf|\.nan", re.I), "only finite numbers are accepted here"),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?"), "YAML reads it as a date: quote it if it is text"),
]


@dataclass(frozen=True, slots=True)
class Tree:
    """Plain data (`dict`, `list`, `str`, `int`, `float`, `bool`) and the line, from 1, of each value in it."""

    data: Any
    lines: dict[Path, int]


class YamlProblem(ValueError):
    """A problem in the file: what is wrong, on which line, and at which path if it is in a value."""

    def __init__(self, message: str, line: int, path: Path = ()) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.path = path


def parse(text: str) -> Tree:
    """Reads one YAML document.

    Raises `YamlProblem` for bad syntax, anchors, aliases, tags, merge keys, duplicate keys, a second document, nesting
    deeper than `MAX_DEPTH`, and scalars that YAML readers disagree about.
    """
    lines: dict[Path, int] = {}
    try:
        events = _events(text)
        next(events)  # stream start
        if isinstance(next(events), yaml.StreamEndEvent):
            raise YamlProblem("the file is empty: start one with `tinymnist new FILE`", 1)
        data = _value(next(events), events, (), lines)
        next(events)  # document end
        following = next(events)
        if not isinstance(following, yaml.StreamEndEvent):
            raise YamlProblem("a second document starts here: one file holds one spec", _line(following))
    except yaml.MarkedYAMLError as error:
        mark: Any = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        if "nesting depth" in (error.problem or ""):  # from 6.0.4, PyYAML itself stops at 1,000 levels
            raise YamlProblem(TOO_DEEP, line) from None
        raise YamlProblem(_syntax(error.problem or error.context or "", text.splitlines(), line), line) from None
    except yaml.reader.ReaderError as error:
        read = text.encode("utf-8", "surrogatepass")[: error.position] if isinstance(error.position, int) else b""
        advice = "save the file as UTF-8" if "\0" in text else "only printable text is allowed"
        raise YamlProblem(f"not valid YAML: a control character: {advice}", read.count(b"\n") + 1) from None
    except UnicodeEncodeError:
        raise YamlProblem("not valid text: save or type it as UTF-8", 1) from None
    return Tree(data, lines)


def _syntax(problem: str, lines: list[str], line: int) -> str:
    """What is wrong with the syntax, and what to do, for people who do not know the parser's words."""
    here = lines[line - 1] if line <= len(lines) else ""
    before = next((each.strip() for each in reversed(lines[: line - 1]) if each.strip()), "")
    if "\t" in here[: len(here) - len(here.lstrip())] or "\\t" in problem:
        return "not valid YAML: a tab: indent with spaces"
    if "mapping values" in problem and re.search(r"\S:\s.*\S:\s", here):
        return "not valid YAML: a second colon on this line: quote the text that holds it"
    if "'-' indicator" in problem or "expected key" in problem or "mapping values" in problem:
        remedy = "give entries of one list or mapping the same indentation, and each `key:` a space behind it"
        return f"not valid YAML: this line does not fit the one before, {shown(before)}: {remedy}"
    if "end of stream" in problem:
        return "not valid YAML: a quotation mark is not closed: close it"
    if line > len(lines) or "',' or" in problem:
        return "not valid YAML: a bracket that is not closed, or a comma too few"
    if "start any token" in problem:
        return f"not valid YAML: no value begins with {shown(here.split()[-1][:1])}: quote it if it is text"
    return f"not valid YAML: {problem}"


def read_file(file: str) -> str:
    """The text of a spec file: UTF-8, at most `MAX_BYTES`. Raises `SpecError`, or `DataError` if it cannot
    be read."""
    try:
        if not stat.S_ISREG(os.stat(file).st_mode) and not os.path.isdir(file):
            raise SpecError(f"{file}: is not a regular file: name a YAML file")
        with open(file, "rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise SpecError(f"{file}: no such file: check the path") from None
    except IsADirectoryError:
        raise SpecError(f"{file}: is a directory: name the YAML file in it") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise DataError(f"{file}: cannot be read: {reason}") from None
    if len(raw) > MAX_BYTES:
        raise SpecError(
            f"{file}: larger than {MAX_BYTES:,} bytes: no spec is that large; check that it is the right file"
        )
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SpecError(f"{file}:{line}: byte {error.start} is not UTF-8: save the file as UTF-8 text") from None


def _events(text: str) -> Iterator[yaml.Event]:
    parser = _PARSER(text)
    try:
        while parser.check_event():
            yield parser.get_event()
    finally:
        parser.dispose()


def _line(event: yaml.Event) -> int:
    mark: Any = event.start_mark
    return int(mark.line) + 1


def _value(event: yaml.Event, events: Iterator[yaml.Event], path: Path, lines: dict[Path, int]) -> Any:
    line = _line(event)
    lines[path] = line
    if len(lines) > MAX_VALUES:
        raise YamlProblem(f"more than {MAX_VALUES:,} values: no spec has that many", line)
    if isinstance(event, yaml.AliasEvent):
        raise YamlProblem("an alias (`*name`) is not allowed: write the value out, or use `defaults:`", line, path)
    if getattr(event, "anchor", None) is not None:
        raise YamlProblem("an anchor (`&name`) is not allowed: write the value out, or use `defaults:`", line, path)
    if getattr(event, "tag", None) is not None:
        raise YamlProblem("a tag (`!name`) is not allowed: leave it out", line, path)
    if len(path) > MAX_DEPTH:
        raise YamlProblem(TOO_DEEP, line)
    if isinstance(event, yaml.MappingStartEvent):
        return _mapping(events, path, lines)
    if isinstance(event, yaml.SequenceStartEvent):
        return _sequence(events, path, lines)
    assert isinstance(event, yaml.ScalarEvent)
    return scalar(event.value, line, path) if event.implicit[0] else event.value


def _sequence(events: Iterator[yaml.Event], path: Path, lines: dict[Path, int]) -> list[Any]:
    items: list[Any] = []
    while not isinstance(event := next(events), yaml.SequenceEndEvent):
        if len(items) == MAX_ENTRIES:
            raise YamlProblem(f"more than {MAX_ENTRIES:,} entries: no list here has that many", _line(event), path)
        items.append(_value(event, events, (*path, len(items)), lines))
    return items


def _mapping(events: Iterator[yaml.Event], path: Path, lines: dict[Path, int]) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        line = _line(event)
        if not isinstance(event, yaml.ScalarEvent) or event.anchor is not None or event.tag is not None:
            raise YamlProblem("a key is a plain word: no list, mapping, alias, anchor or tag", line, path)
        key = event.value
        if key == "<<" and event.implicit[0]:
            raise YamlProblem("a merge key (`<<`) is not allowed: write the keys out, or use `defaults:`", line, path)
        here = (*path, key)
        if key in entries:
            raise YamlProblem(f"the key appears twice, first on line {lines[here]}: keep one", line, here)
        if len(entries) == MAX_KEYS:
            raise YamlProblem(f"more than {MAX_KEYS:,} keys: nothing here has that many", line, path)
        value = next(events)
        if entries and isinstance(value, yaml.ScalarEvent) and not value.value:
            _refuse_stray_comma(key, line, path)
        entries[key] = _value(value, events, here, lines)
        lines[here] = line
    return entries


def _refuse_stray_comma(key: str, line: int, path: Path) -> None:
    """Raises `YamlProblem` for what a comma has cut off from the value before it."""
    if re.fullmatch("[0-9]{3}", key):
        raise YamlProblem(f"a comma ends an entry: write large numbers without, as in 8{key}", line, path)
    if re.fullmatch("[0-9]+", key):
        raise YamlProblem(f"a comma ends an entry: write fractions with a point, as in 0.{key}", line, path)
    if re.fullmatch(r"[0-9]+\)", key):
        raise YamlProblem(f"round brackets mean nothing here: write a pair as [N, {key[:-1]}]", line, path)


def scalar(text: str, line: int, path: Path) -> str | int | float | bool:
    """The value of a plain (unquoted) scalar. Raises `YamlProblem` if it is empty or ambiguous."""
    if text in ("", "~", "null", "Null", "NULL"):
        key = path[-1] if path else ""
        if isinstance(key, str) and re.fullmatch(r"\w+:\S+", key):
            raise YamlProblem("has no value: put a space behind the colon", line, path)
        raise YamlProblem("has no value: give it one, or leave the key out", line, path)
    if text in ("true", "True", "TRUE"):
        return True
    if text in ("false", "False", "FALSE"):
        return False
    if _INTEGER.fullmatch(text):
        if len(text) > MAX_DIGITS:
            raise YamlProblem(
                f"a number of {len(text):,} digits: no size here needs more than {MAX_DIGITS}", line, path
            )
        return int(text)
    if _DECIMAL.fullmatch(text):
        number = float(text) if len(text) < 400 else float("inf")
        if number in (float("inf"), float("-inf")):
            raise YamlProblem(f"{shown(text)} is too large a number: only finite numbers are accepted here", line, path)
        return number
    for pattern, advice in _AMBIGUOUS:
        if pattern.fullmatch(text):
            raise YamlProblem(f"{shown(text)[1:-1]} is ambiguous: {advice}", line, path)
    return text
