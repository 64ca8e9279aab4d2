"""HTML in which nothing is markup but what was made by `tag`: all other text is escaped."""

import base64
from html import escape
from typing import Literal

from tinymnist.text import printable

_VOID = ("br", "img", "meta")


class Markup(str):
    """Text that is HTML already."""


def tag(name: str, /, *children: str, **attributes: str | int) -> Markup:
    """`<name attributes>children</name>`; an attribute's name may end in an underscore, as in `class_`, and one within
    stands for a hyphen."""
    named = {key.rstrip("_").replace("_", "-"): _escaped(str(value)) for key, value in attributes.items()}
    given = "".join(f' {key}="{value}"' for key, value in named.items())
    if name in _VOID:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{''.join(map(_escaped, children))}</{name}>")


def image(content: bytes, kind: Literal["svg+xml", "png"], alt: str, **attributes: str | int) -> Markup:
    """An `img` that holds its own bytes."""
    encoded = base64.b64encode(content).decode("ascii")
    return tag("img", src=f"data:image/{kind};base64,{encoded}", alt=alt, **attributes)


def _escaped(text: str) -> Markup:
    """With control, bidirectional and other unprintable characters but the newline written out."""
    if isinstance(text, Markup):
        return text
    return Markup(escape("\n".join(map(printable, text.split("\n")))))
