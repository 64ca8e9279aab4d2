"""`tinymnist new`: a commented spec or search file to start from."""

import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tinymnist.cli.completion import complete_archs, complete_data
from tinymnist.cli.decoding import DecodingProgress, Resize, SkipUnreadable, checked_resize
from tinymnist.cli.notices import say_notice
from tinymnist.cli.options import DATA, DataDir
from tinymnist.console import show
from tinymnist.errors import DataError, UsageError
from tinymnist.files import make_folder, write_atomically
from tinymnist.notices import ClassesUnequal
from tinymnist.text import counted, printable, shape_text

if TYPE_CHECKING:
    from tinymnist.spec.starting import Images


NAME_OF_SEARCH = 48
"""Letters that leave room for the numbers of its networks, which are named after it."""


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", readable=False, help="The YAML file to write.")],
    search: Annotated[
        str | None,
        typer.Option(
            "--search",
            metavar="ARCH",
            autocompletion=complete_archs,
            help="Write a search file instead, for networks like this one.",
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            metavar="NAME|PATH",
            autocompletion=complete_data,
            help="Write it for these images: their size, classes and grey levels.",
            rich_help_panel=DATA,
        ),
    ] = None,
    mirror: Annotated[
        bool,
        typer.Option("--mirror", help="Mirror training images at random, left and right.", rich_help_panel=DATA),
    ] = False,
    resize: Resize = None,
    skip_unreadable: SkipUnreadable = False,
    data_dir: DataDir = None,
) -> None:
    """Write a commented architecture, or search file, to start from."""
    from tinymnist.spec.packaged import SUFFIXES

    if file.suffix.lower() not in SUFFIXES:
        file = file.with_name(f"{file.name}.yaml")
    if os.path.lexists(file):
        raise UsageError(f"{file}: already exists: choose another name")
    if dataset is None:
        _refuse_without_dataset({"--mirror": mirror, "--resize": resize, "--skip-unreadable": skip_unreadable})
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", file.stem).strip("-._") or "mine"
    if search is not None:
        if dataset is not None:
            remedy = f"a search file names its images itself, as in `dataset: {printable(dataset)}`"
            raise UsageError(f"--dataset: goes with a network: {remedy}")
        wrote, following = _search(file, name[:NAME_OF_SEARCH], search)
    else:
        images = None if dataset is None else _images(dataset, data_dir, resize, skip_unreadable)
        wrote, following = _architecture(file, name[:64], images, mirror)
    if data_dir is not None:
        following += f" --data-dir {shlex.quote(str(data_dir))}"
    show(f"wrote {file}: {wrote}\nnext: {following}")


def _architecture(file: Path, name: str, images: "Images | None", mirror: bool) -> tuple[str, str]:
    """Writes an architecture, and returns what was written and the next command."""
    from tinymnist.spec.load import document_from_text
    from tinymnist.spec.starting import starting_text

    text = starting_text(name, images, mirror=mirror)
    spec = document_from_text(text, str(file)).spec
    _write(file, text)
    suits = "" if images is None else f", for {_described(images)}"
    following = f"tinymnist {'check' if images is None else 'train'} {shlex.quote(str(file))}"
    return f"{spec.plan.parameters:,} parameters{suits}", following


def _search(file: Path, name: str, arch: str) -> tuple[str, str]:
    """Writes a search file for networks like `arch`, and returns the same."""
    from tinymnist.search.load import search_from_text
    from tinymnist.search.starting import starting_search

    text = starting_search(name, arch, file.parent)
    search = search_from_text(text, str(file)).search
    _write(file, text)
    varies = f"varies {counted(len(search.search), 'value')} of {printable(arch)}"
    return (
        f"{varies}, within {search.budget.max_params:,} parameters",
        f"tinymnist search {shlex.quote(str(file))} --dry-run",
    )


def _write(file: Path, text: str) -> None:
    try:
        make_folder(file.parent)
    except OSError as error:
        raise DataError(f"{file.parent}: cannot be made: {error.strerror or error}") from None
    write_atomically(file, text)


def _refuse_without_dataset(options: dict[str, object]) -> None:
    for option, value in options.items():
        if value:
            raise UsageError(f"{option}: is for --dataset: name the images")


def _images(dataset: str, data_dir: Path | None, resize: tuple[int, int] | None, skip_unreadable: bool) -> "Images":
    from tinymnist.data import read_image_set
    from tinymnist.data.as_read import ReadOptions
    from tinymnist.data.levels import mean_and_std
    from tinymnist.spec.starting import Images

    with DecodingProgress() as progress:
        found = read_image_set(dataset, data_dir, ReadOptions(checked_resize(resize), skip_unreadable, progress))
    for notice in found.notices:
        say_notice(notice)
    mean, std = mean_and_std(found.train.pixels, found.name)
    return Images(
        dataset=dataset,
        shape=found.shape,
        class_names=found.class_names,
        train=len(found.train),
        mean=mean,
        std=std,
        unequal=any(isinstance(notice, ClassesUnequal) for notice in found.notices),
        resize=resize,
        skip_unreadable=skip_unreadable,
    )


def _described(images: "Images") -> str:
    return f"{shape_text(images.shape)} images in {len(images.class_names):,} classes of {printable(images.dataset)}"
