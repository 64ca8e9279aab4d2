"""Writes the reference pages that follow from the code: `python docs/generate.py`.

In `docs/reference`, `language.md`, `search.md` and `assignment.md` come from the JSON Schemas of a spec, a search file
and an assignment, `command-line.md` from the commands as Typer knows them. `tests/docs/test_reference.py` fails where a
page is out of date.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
import yaml

from tinymnist.cli import app
from tinymnist.grading.declaration import Assignment
from tinymnist.search.declaration import Search
from tinymnist.spec import Spec

FOLDER = Path(__file__).resolve().parent / "reference"
NOTE = "<!-- Written by docs/generate.py: change the code that it reads, not this page. -->"
Schema = dict[str, Any]

LANGUAGE = """# The language

Every key of a network's YAML file, from its JSON Schema, which `tinymnist schema` prints. Only `name` and `blocks` are
required. [Write a network](../network.md) shows the keys at work.
"""

SEARCH = """# The search file

Every key of a search file, from its JSON Schema, which `tinymnist schema --search` prints.
[Search under a budget](../search.md) shows the keys at work.
"""

ASSIGNMENT = """# The assignment

Every key of an assignment, from its JSON Schema, which `tinymnist schema --assignment` prints.
[Grade](../grade.md) shows the keys at work.
"""

COMMAND_LINE = """# The command line

Every command, argument and option, as `tinymnist COMMAND --help` lists them. `ARCH` is a YAML file or the name of a
network that comes with tinymnist; `RUN` is the folder of a run or of a series, or such a name.
[Output and exit codes](../output.md) describes what commands print and return.
"""


def pages() -> dict[Path, str]:
    """Each page's path and text."""
    return {
        FOLDER / "language.md": schema_page(LANGUAGE, Spec.model_json_schema()),
        FOLDER / "search.md": schema_page(SEARCH, Search.model_json_schema()),
        FOLDER / "assignment.md": schema_page(ASSIGNMENT, Assignment.model_json_schema()),
        FOLDER / "command-line.md": command_line_page(),
    }


def schema_page(introduction: str, root: Schema) -> str:
    """One section per key at the top of the file, one subsection per mapping below it."""
    language = Language(root["$defs"])
    parts = [NOTE, introduction, "## The file", language.keys(root)]
    described: set[str] = set()
    for key in sorted(root["properties"], key=lambda key: key == "defaults"):  # what it shares is explained before
        names = [name for name in dict.fromkeys(language.mappings(root["properties"][key])) if name not in described]
        described |= {*names}
        parts += [f"## `{key}`"] if names else []
        for name in names:
            title = "" if heading(name).lower() == key else f"### {heading(name)}"
            parts += [title, root["$defs"][name]["description"], language.keys(root["$defs"][name])]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def heading(name: str) -> str:
    """`WindowPool` as words: "Window pool"."""
    return " ".join(re.findall(r"[A-Z][a-z0-9]*", name.removesuffix("Options"))).capitalize()


class Language:
    """The schema's mappings in words."""

    def __init__(self, definitions: dict[str, Schema]) -> None:
        self.definitions = definitions

    def keys(self, mapping: Schema) -> str:
        """One list entry per key: what it means, its type and its default."""
        return "\n".join(self._key(name, value, mapping) for name, value in mapping["properties"].items())

    def _key(self, name: str, value: Schema, mapping: Schema) -> str:
        notes = [or_list(self.types(value))]
        if name in mapping.get("required", ()):
            notes.append("required")
        elif (default := self.short(value.get("default"), value)) not in (None, "", {}):
            notes.append(f"default `{in_yaml(default)}`")
        meaning = value.get("description") or self._target(value)["description"]
        return f"- `{name}`: {meaning}<br>{'; '.join(notes)}"

    def _target(self, value: Schema) -> Schema:
        return self.definitions[value["$ref"].rpartition("/")[2]]

    def mappings(self, value: Any) -> Iterator[str]:
        """The names of all mappings that a value may hold, at any depth, in the order of their keys."""
        if isinstance(value, list):
            for each in value:
                yield from self.mappings(each)
        elif isinstance(value, dict):
            if "$ref" in value:
                yield value["$ref"].rpartition("/")[2]
                yield from self.mappings(list(self._target(value)["properties"].values()))
            yield from self.mappings([value[form] for form in ("anyOf", "oneOf", "items") if form in value])
            yield from self.mappings(named(value))

    def types(self, value: Schema) -> list[str]:
        """What may be written, each form in words."""
        if "$ref" in value:
            title = heading(value["$ref"].rpartition("/")[2]).lower()
            return [f"[{title}](#{title.replace(' ', '-')})"]
        if forms := value.get("anyOf", value.get("oneOf")):
            return [words for form in forms if form.get("type") != "null" for words in self.types(form)]
        if "const" in value or "enum" in value:
            return [f"`{in_yaml(word)}`" for word in value.get("enum", [value.get("const")])]
        if value["type"] == "array":
            if "prefixItems" in value:
                return [f"a list of {len(value['prefixItems'])} numbers"]
            return [f"a list, each entry {or_list(self.types(value['items']))}" if value["items"] else "a list"]
        if value["type"] == "object":
            (entry,) = named(value)
            return [f"names, each with {or_list(self.types(entry))}"]
        if value["type"] == "boolean":
            return ["`true`", "`false`"]
        if value["type"] == "string":
            return ["text" + (f" of at most {value['maxLength']:,} characters" if "maxLength" in value else "")]
        return [number(value)]

    def short(self, default: Any, value: Schema) -> Any:
        """A default as one would write it: without what is a default itself, and in shorthand where there is one."""
        if isinstance(default, list):
            forms = [value, *value.get("anyOf", ())]
            entry: Schema = next((form["items"] for form in forms if "items" in form), {})
            items = [self.short(each, entry) for each in default]
            is_pair = len({*map(str, items)}) == 1 and "anyOf" in value
            return items[0] if is_pair else items
        if not isinstance(default, dict):
            return default
        forms = [value, *value.get("anyOf", ()), *value.get("oneOf", ())]
        mappings = [self._target(form) for form in forms if "$ref" in form]
        (properties,) = [each["properties"] for each in mappings if describes(each, default)]
        short = {
            key: self.short(each, properties[key])
            for key, each in default.items()
            if each != properties[key].get("default", ...)
        }
        shorthand = [each for each in short.values() if any(stands_alone(each, form) for form in forms)]
        return shorthand[0] if len(short) == 1 and shorthand else short


def named(value: Schema) -> list[Schema]:
    """What the entries of a mapping with names of the user's own may be."""
    entry: Any = value.get("additionalProperties")
    return [*value.get("patternProperties", {}).values(), *([entry] if isinstance(entry, dict) else [])]


def describes(mapping: Schema, value: dict[str, Any]) -> bool:
    """Whether the value is of this mapping: its keys, and its `kind` or `name`."""
    return value.keys() <= mapping["properties"].keys() and all(
        value[key] in form.get("enum", [form["const"]] if "const" in form else [value[key]])
        for key, form in mapping["properties"].items()
        if key in value
    )


def stands_alone(value: Any, form: Schema) -> bool:
    """Whether a word or number may be written in place of the mapping that holds it."""
    return value in form.get("enum", [form.get("const")]) or (form.get("type") == "number" and isinstance(value, float))


def number(value: Schema) -> str:
    """The numbers that are allowed, in words."""
    kind = "whole number" if value["type"] == "integer" else "number"
    low, high = value.get("minimum"), value.get("maximum")
    above, below = value.get("exclusiveMinimum"), value.get("exclusiveMaximum")
    limits = [
        f"from {low:,}" if low is not None else f"above {above:,}" if above is not None else "",
        f"to {high:,.0f}" if high is not None else f"below {below:,}" if below is not None else "",
    ]
    if above is not None and high is not None:
        limits = [limits[0], f"up to {high:,.0f}"]
    return " ".join(filter(None, [kind, *limits]))


def or_list(words: list[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def in_yaml(value: Any) -> str:
    """A value on one line, as a spec has it."""
    text: str = yaml.safe_dump(value, default_flow_style=True, width=1000, sort_keys=False)
    return text.removesuffix("...\n").strip()


def command_line_page() -> str:
    """One section per command, one list per group of options."""
    group: Any = typer.main.get_command(app)
    parts = [NOTE, COMMAND_LINE]
    with typer.Context(group, info_name="tinymnist", **group.context_settings) as top:
        parts += ["## tinymnist", *described(group, top)]
        for name, command in group.commands.items():
            with typer.Context(command, info_name=name, parent=top) as context:
                parts += [f"## {name}", *described(command, context)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def described(command: Any, context: Any) -> Iterator[str]:
    """A command's help, usage and parameters."""
    yield re.sub(r"(?<!\n)\n(?!\n)", " ", command.help)
    yield f"```text\n{' '.join(command.get_usage(context).split())}\n```"
    groups: dict[str, list[str]] = {}
    for parameter in command.get_params(context):
        if parameter.hidden:
            continue
        form, meaning = parameter.get_help_record(context)
        usual = "Arguments" if parameter.param_type_name == "argument" else "Options"
        groups.setdefault(parameter.rich_help_panel or usual, []).append(f"- `{form}`: {' '.join(meaning.split())}")
    for title, entries in groups.items():
        yield f"**{title}**"
        yield "\n".join(entries)


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
