"""Help as plain text, with options grouped in panels."""

from typing import Any

from typer.core import TyperCommand


class Command(TyperCommand):
    """A command whose `--help` has one section per panel, in the order in which the options are declared.

    Typer draws panels only with Rich, whose boxes are slow to import and hard to read in 80 columns.
    """

    def format_options(self, ctx: Any, formatter: Any) -> None:
        panels: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                usual = "Arguments" if parameter.param_type_name == "argument" else "Options"
                panels.setdefault(getattr(parameter, "rich_help_panel", None) or usual, []).append(record)
        for title, records in panels.items():
            with formatter.section(title):
                formatter.write_dl(records)
