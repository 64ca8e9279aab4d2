"""`tinymnist data`: what a data set holds, and what is wrong with it."""

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated

import typer

from tinymnist.cli.completion import complete_data
from tinymnist.cli.decoding import DecodingProgress, Resize, SkipUnreadable, checked_resize
from tinymnist.cli.notices import notice_text, say_notice
from tinymnist.cli.options import DataDir, Json
from tinymnist.cli.outputs import output
from tinymnist.console import show, show_json
from tinymnist.data.catalogue import DATASETS
from tinymnist.errors import CheckFailed, UsageError
from tinymnist.text import printable, shape_text, table

if TYPE_CHECKING:
    from tinymnist.data import Images, ImageSet
    from tinymnist.data.image_set import Place

LEAKS_SHOWN = 5


def command(
    source: Annotated[
        str,
        typer.Argument(
            metavar="PATH|NAME",
            autocompletion=complete_data,
            help="A folder of class folders; an .npz, IDX, .csv or .parquet file, or a folder of such; or "
            f"{', '.join(DATASETS)}.",
        ),
    ],
    resize: Resize = None,
    skip_unreadable: SkipUnreadable = False,
    data_dir: DataDir = None,
    sheet: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE.png", readable=False, help="Draw some images of each class."),
    ] = None,
    as_json: Json = False,
) -> int:
    """Tell what a data set holds, and what is wrong with it.

    Exit code 1 if some images stand in both training and test.
    """
    from tinymnist.data import read_image_set
    from tinymnist.data.as_read import ReadOptions

    checked_resize(resize)
    if sheet is not None and sheet.suffix.lower() != ".png":
        raise UsageError(f"--output {sheet}: expects the name of a PNG file, as in {sheet.stem or 'sheet'}.png")
    with DecodingProgress() as progress:
        data = read_image_set(source, data_dir, ReadOptions(resize, skip_unreadable, progress))
    if sheet is not None:
        from tinymnist.data.contact_sheet import contact_sheet
        from tinymnist.files import write_atomically

        write_atomically(sheet, contact_sheet(data))
    for notice in data.notices:
        say_notice(notice)
    if as_json:
        show_json(output("data", _as_result(data, sheet)))
    else:
        show("\n".join([*_as_text(data), *([] if sheet is None else [f"wrote {sheet}"])]))
    return CheckFailed.exit_code if data.leaks else 0


def _as_result(data: "ImageSet", sheet: Path | None) -> SimpleNamespace:
    splits = {split: _counts(images, data.class_names) for split, images in data.splits.items()}
    return SimpleNamespace(
        dataset=data.name,
        digest=data.digest,
        shape=data.shape,
        class_names=data.class_names,
        train=splits["train"],
        test=splits["test"],
        val=splits.get("val"),
        leaks=data.leaks,
        warnings=[{"kind": type(notice).__name__, "message": notice_text(notice)} for notice in data.notices],
        file=None if sheet is None else printable(str(sheet)),
    )


def _counts(images: "Images", class_names: tuple[str, ...]) -> SimpleNamespace:
    counts = images.count_by_class(len(class_names))
    return SimpleNamespace(images=len(images), by_class=dict(zip(class_names, counts, strict=True)))


def _as_text(data: "ImageSet") -> list[str]:
    channels, *size = data.shape
    kind = "grey" if channels == 1 else "in colour"
    columns = [images.count_by_class(len(data.class_names)) for images in data.splits.values()]
    rows = [
        [printable(name), *(f"{column[label]:,}" for column in columns)] for label, name in enumerate(data.class_names)
    ]
    totals = ["all", *(f"{len(images):,}" for images in data.splits.values())]
    return [
        f"{data.name}: images of {shape_text(tuple(size))} pixels, {kind}, in {len(data.class_names):,} classes",
        *table("<" + " >" * len(columns), [["class", *data.splits], *rows, totals]),
        f"digest {data.digest}",
        *_leaks_as_text(data.leaks),
    ]


def _leaks_as_text(leaks: "tuple[tuple[Place, ...], ...]") -> list[str]:
    if not leaks:
        return []
    lines = [
        " = ".join(f"{place.origin} ({place.split}, {place.class_name})" for place in places)
        for places in leaks[:LEAKS_SHOWN]
    ]
    more = [f"... and {len(leaks) - LEAKS_SHOWN:,} more (--json lists all)"] if len(leaks) > LEAKS_SHOWN else []
    what = "1 image stands" if len(leaks) == 1 else f"{len(leaks):,} images stand"
    return [f"LEAK: {what} in more than one split: remove all but one copy of each:", *lines, *more]
