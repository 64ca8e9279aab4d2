"""`tinymnist grade`: give points to what students hand in."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tinymnist import choices
from tinymnist.cli import scheduler as cluster
from tinymnist.cli.completion import complete_files
from tinymnist.cli.matplotlib_folder import use_own_folder
from tinymnist.cli.options import COMPUTING, DataDir, Json, writes_json
from tinymnist.cli.outputs import output
from tinymnist.console import loading_torch, say, show, show_json, width
from tinymnist.errors import TinyMnistError, UsageError
from tinymnist.files import write_atomically

if TYPE_CHECKING:
    from tinymnist.grading.api import Graded

Format = Literal["text", "csv", "json", "junit", "markdown", "gradescope"]


def command(
    assignment: Annotated[
        Path, typer.Argument(metavar="ASSIGNMENT", readable=False, autocompletion=complete_files, help="What is asked.")
    ],
    submissions: Annotated[
        Path,
        typer.Argument(
            metavar="SUBMISSIONS",
            readable=False,
            autocompletion=complete_files,
            help="A spec, a zip or a folder with one; or a folder that holds such submissions.",
        ),
    ],
    one: Annotated[
        bool, typer.Option("--one", help="SUBMISSIONS is a single one, even where it is a folder [gradescope: always].")
    ] = False,
    form: Annotated[Format, typer.Option("--format", help="How the grades are written.")] = "text",
    data_dir: DataDir = None,
    limit: Annotated[
        float | None,
        typer.Option("--limit", metavar="SECONDS", min=1, help="Give up a training that takes longer."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", metavar="N", min=1, help="Trainings at once [the cores].", rich_help_panel=COMPUTING),
    ] = None,
    device: Annotated[
        choices.Device, typer.Option("--device", help="Where to train.", rich_help_panel=COMPUTING)
    ] = "auto",
    scheduler: cluster.Scheduler = None,
    tls_ca: cluster.Authority = None,
    tls_cert: cluster.Certificate = None,
    tls_key: cluster.Key = None,
    output_folder: Annotated[
        Path, typer.Option("--output", metavar="DIR", readable=False, help="Parent of the grades' folder.")
    ] = Path("grades"),
    page: Annotated[
        Path | None,
        typer.Option(
            "--page",
            metavar="FILE",
            readable=False,
            help="Write a page about the class: what was handed in, and the front of accuracy against parameters.",
        ),
    ] = None,
    anonymous: Annotated[
        bool, typer.Option("--anonymous", help="On the page, numbers instead of names, and no points.")
    ] = False,
    at_least: Annotated[
        float | None,
        typer.Option("--at-least", metavar="POINTS", min=0, help="Exit code 1 if a submission has fewer points."),
    ] = None,
    as_json: Json = False,
) -> int:
    """Check and train what students hand in, and give points.

    Each submission is a spec. It is trained with the grader's seeds on the grader's images; the same command again goes
    on where it was stopped.
    """
    if anonymous and page is None:
        raise UsageError("--anonymous: is about the page: name it with --page")
    in_json = writes_json(form, as_json)
    use_own_folder()
    where = cluster.parsed(scheduler, tls_ca, tls_cert, tls_key, jobs)
    with loading_torch():
        from tinymnist.cli.grade_progress import GradingProgress
        from tinymnist.grading.api import grade

    if page is not None:
        from tinymnist.report.api import page_path
        from tinymnist.report.class_page import write_class_page

        page_path(page)
    with _told_to_gradescope(form), GradingProgress() as observer, cluster.opened(where) as workers:
        graded = grade(
            str(assignment),
            submissions,
            jobs=jobs,
            one=one or form == "gradescope",
            limit=limit,
            data_dir=data_dir,
            output=output_folder,
            device=device,
            workers=workers,
            observer=observer,
        )
    _keep(graded)
    if page is not None:
        write_class_page(graded, page, anonymous=anonymous)
    if in_json:
        show_json(_json(graded))
    else:
        show(_rendered(graded, form))
    say(f"grades: {graded.grading.path}")
    if page is not None:
        say(f"page: {page}")
    return int(at_least is not None and any(grade.points < at_least for grade in graded.grades))


@contextmanager
def _told_to_gradescope(form: Format) -> Iterator[None]:
    """Lets Gradescope know why there are no grades, since it expects a result in any case."""
    try:
        yield
    except TinyMnistError as error:
        if form == "gradescope":
            from tinymnist.cli.grade_formats import as_failed_in_gradescope

            show(as_failed_in_gradescope(str(error)))
        raise


def _json(graded: "Graded") -> dict[str, object]:
    record = graded.grading.record
    return output("grade", name=graded.grading.assignment.name, seeds=record.seeds, grades=graded.grades)


def _keep(graded: "Graded") -> None:
    """Writes the grades into their folder; those of a single submission leave the table of the class as it was."""
    from tinymnist.cli.grade_formats import as_csv

    path = graded.grading.path
    write_atomically(path / "grades.json", json.dumps(_json(graded), indent=2) + "\n")
    if not graded.one:
        write_atomically(path / "grades.csv", as_csv(graded.grades))


def _rendered(graded: "Graded", form: Format) -> str:
    from tinymnist.cli import grade_formats

    if form == "gradescope":
        return grade_formats.as_gradescope(graded.grades[0])
    if form == "csv":
        return grade_formats.as_csv(graded.grades).rstrip("\n")
    if form == "junit":
        return grade_formats.as_junit_xml(graded.grades)
    if form == "markdown":
        return grade_formats.as_markdown(graded.grades)
    return grade_formats.as_text(graded.grades, width())
