"""How the pictures of a data set are read: options that commands share, and the bar that shows how far it is."""

from types import TracebackType
from typing import Annotated, Any

import typer

from tinymnist.cli.options import DATA
from tinymnist.console import shows_bars
from tinymnist.errors import UsageError

Resize = Annotated[
    tuple[int, int] | None,
    typer.Option(
        "--resize",
        metavar="H W",
        help="Fit every image into H x W pixels, its aspect kept.",
        rich_help_panel=DATA,
    ),
]
SkipUnreadable = Annotated[
    bool,
    typer.Option("--skip-unreadable", help="Leave out pictures that cannot be read.", rich_help_panel=DATA),
]


def checked_resize(resize: tuple[int, int] | None) -> tuple[int, int] | None:
    """Raises `UsageError` for sizes that no image may have."""
    from tinymnist.spec.base import MAX_SIDE

    if resize is not None and not all(1 <= side <= MAX_SIDE for side in resize):
        raise UsageError(f"--resize {resize[0]} {resize[1]}: expects height and width from 1 to {MAX_SIDE} pixels")
    return resize


class DecodingProgress:
    """A bar on stderr while pictures are decoded; none where that is not a terminal."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __enter__(self) -> "DecodingProgress":
        return self

    def __call__(self, done: int, total: int) -> None:
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=total, unit=" images", unit_scale=True, leave=False, disable=not shows_bars())
        self._bar.update(done - self._bar.n)

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()
