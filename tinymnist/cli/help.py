"""Help as plain text, with options grouped in panels."""

import re
from typing import Any

from typer.core import TyperCommand


class Command(TyperCommand):
    """A command whose `--help` has one section per panel, in the order in which the options are declared.

    Typer draws panels only with Rich, whose boxes are slow to import and hard to read in 80 columns.
    """

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """`RUN` and `IMAGE...`, where Typer writes `{RUN}` and `{IMAGE...}...`."""
        pieces: list[str] = super().collect_usage_pieces(ctx)
        return [re.sub(r"\{(.*?)(?:\.\.\.)?\}", r"\1", piece) for piece in pieces]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        panels: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                if parameter.param_type_name == "argument":
                    record = (parameter.metavar or record[0], record[1])  # no Python type
                usual = "Arguments" if parameter.param_type_name == "argument" else "Options"
                panels.setdefault(getattr(parameter, "rich_help_panel", None) or usual, []).append(record)
        for title, records in panels.items():
            with formatter.section(title):
                formatter.write_dl(records)
