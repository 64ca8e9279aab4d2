"""Web pages from Jinja2 templates. Whatever is put into a template is escaped, unless it is `Markup`."""

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tinymnist.text import printable


def render(package: str, template: str, /, **values: object) -> str:
    """`template`, a file of `package`, filled with `values`."""
    environment = Environment(
        loader=PackageLoader(package, ""),
        autoescape=True,
        finalize=_printable_lines,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(values)


def script_json(text: str) -> Markup:
    """`text`, which is JSON, for a `<script>` element: `<` is written as an escape, so that nothing in it can close the
    element."""
    return Markup(text.replace("<", "\\u003c"))


def _printable_lines(value: object) -> object:
    """Text with control, bidirectional and other unprintable characters written as escapes, except newlines."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return "\n".join(map(printable, value.split("\n")))
    return value
