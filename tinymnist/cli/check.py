"""`tinymnist check`: hold architectures to rules, in a fraction of a second and without torch."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from tinymnist.choices import CheckFormat
from tinymnist.cli.completion import complete_archs, complete_features
from tinymnist.cli.notices import say_notice
from tinymnist.cli.options import Json, Strict, writes_json
from tinymnist.cli.outputs import output
from tinymnist.console import complain, show, show_json
from tinymnist.errors import TinyMnistError, UsageError, combined_exit_code
from tinymnist.text import did_you_mean, printable

if TYPE_CHECKING:
    from tinymnist.check import Report
    from tinymnist.spec import Checks


def command(
    archs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ARCH",
            autocompletion=complete_archs,
            help="Files, folders or packaged names; default: every YAML file in ./archs.",
        ),
    ] = None,
    max_params: Annotated[int | None, typer.Option(metavar="N", min=0, help="At most this many parameters.")] = None,
    exact_params: Annotated[int | None, typer.Option(metavar="N", min=0, help="Exactly this many parameters.")] = None,
    max_macs: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="At most this many multiply-adds per image.")
    ] = None,
    max_ram: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="At most this many bytes of scratch memory in int8 C.")
    ] = None,
    max_flash: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            help="At most this many bytes of code and constants in int8 C, as estimated for a Cortex-M0+.",
        ),
    ] = None,
    max_layers: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="At most this many convolutions and fully connected layers.")
    ] = None,
    max_blocks: Annotated[int | None, typer.Option(metavar="N", min=0, help="At most this many blocks.")] = None,
    max_epochs: Annotated[int | None, typer.Option(metavar="N", min=0, help="At most this many epochs.")] = None,
    require: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FEATURE",
            autocompletion=complete_features,
            help="The network must have this: batch_norm, dropout, linear, ...",
        ),
    ] = None,
    forbid: Annotated[
        list[str] | None,
        typer.Option(metavar="FEATURE", autocompletion=complete_features, help="The network must not have this."),
    ] = None,
    form: Annotated[CheckFormat, typer.Option("--format", help="How the verdicts are written.")] = "text",
    strict: Strict = False,
    as_json: Json = False,
) -> int:
    """Hold architectures to a budget and to their own rules.

    Exit code 0 if all pass, 1 if not, 2 for an invalid spec.
    """
    from tinymnist.spec import Checks
    from tinymnist.spec.packaged import find_spec_files

    rules = Checks(
        max_params=max_params,
        exact_params=exact_params,
        max_macs=max_macs,
        max_ram=max_ram,
        max_flash=max_flash,
        max_layers=max_layers,
        max_blocks=max_blocks,
        max_epochs=max_epochs,
        require=_features("--require", require),
        forbid=_features("--forbid", forbid),
    )
    in_json = writes_json(form, as_json)
    files = find_spec_files(archs or [], say_notice)
    reports = [_report(file, rules, strict) for file in files]
    for report in reports:
        if report.error is not None:
            for line in (str(report.error), *report.error.others):
                complain(f"tinymnist: {line}")
    exit_code = combined_exit_code([report.exit_code for report in reports])
    if in_json:
        show_json(output("check", exit_code=exit_code, architectures=reports))
    else:
        show(_rendered(reports, form))
    return exit_code


def _report(arch: str, rules: "Checks", strict: bool) -> "Report":
    from tinymnist.check import Report, check
    from tinymnist.spec import load_document
    from tinymnist.spec.packaged import find_spec_file

    try:
        return check(load_document(find_spec_file(arch)), rules, strict=strict)
    except TinyMnistError as error:
        return Report(arch, None, (), error)


def _features(option: str, words: list[str] | None) -> Any:
    from tinymnist.spec import Feature

    names = [name.strip() for word in words or [] for name in word.split(",")]
    for name in names:
        if name not in get_args(Feature):
            raise UsageError(f"{option} {printable(name)}: no such feature: {did_you_mean(name, get_args(Feature))}")
    return tuple(names)


def _rendered(reports: "Sequence[Report]", form: CheckFormat) -> str:
    from tinymnist.cli import check_formats

    if form == "junit":
        return check_formats.as_junit(reports)
    return check_formats.as_annotations(reports) if form == "github" else check_formats.as_text(reports)
