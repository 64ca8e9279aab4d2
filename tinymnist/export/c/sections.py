"""Selects from `csrc/*.c` the parts that a network needs.

A part is what stands between a line `//[ NAME…` and a line `//]`; it is selected if one of its names is wanted. What
stands outside is always selected. Names of file scope begin with `NAME_`, which becomes the network's own identifier:
programs of several networks may be compiled as one file.
"""

from collections.abc import Mapping, Set
from importlib.resources import files


def select(file: str, identifier: str, wanted: Set[str], words: Mapping[str, str]) -> str:
    """The parts of `csrc/FILE` that are `wanted`, with each of `words` replaced by its text."""
    text = (files("tinymnist.export.c") / "csrc" / file).read_text(encoding="utf-8")
    taken: list[str] = []
    open_parts: list[bool] = []
    for line in text.splitlines():
        if line.startswith("//["):
            open_parts.append(bool(wanted & set(line[3:].split())))
        elif line == "//]":
            open_parts.pop()
        elif all(open_parts):
            taken.append(line)
    selected = "\n".join(taken).strip("\n") + "\n"
    for word, replacement in {**words, "NAME_": f"{identifier}_"}.items():
        selected = selected.replace(word, replacement)
    return selected
