"""How every picture looks, and how it becomes bytes: the same figure and matplotlib give the same ones, on any machine.

matplotlib comes with the extra `plots`, and is imported where something is drawn.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from tinymnist.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Format = Literal["svg", "png", "pdf"]

DOTS = 200
"""Per inch, of a PNG."""
BLUE, VERMILION, INK, GRID = "#0072B2", "#B85600", "#262626", "#E6E6E6"
"""Blue, and vermilion a little darker, of M. Okabe and K. Ito, https://jfly.uni-koeln.de/color/: all eyes tell them
apart."""
_SETTINGS: dict[str, Any] = {
    "text.parse_math": False,  # a name is a name, with dollars too
    "figure.dpi": DOTS,
    "font.size": 8.5,
    "axes.edgecolor": "#8C8C8C",
    "axes.labelcolor": INK,
    "text.color": INK,
    "text.hinting": "none",
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.hashsalt": "tinymnist",
    "svg.fonttype": "path",  # the same widths wherever it is shown, so that labels stay clear of one another
}
_UNDATED: dict[Format, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None},
}


@contextmanager
def picture_settings() -> Iterator[None]:
    """Those of every picture, whatever the user's own are. Raises `UsageError` without matplotlib."""
    try:
        from matplotlib import style
    except ModuleNotFoundError:
        raise UsageError('drawing needs matplotlib: pip install "tinymnist[plots]"') from None
    with style.context(["default", _SETTINGS]):
        yield


def picture_bytes(figure: "Figure", kind: Format) -> bytes:
    """The file that the figure is, with neither date nor version in it."""
    content = io.BytesIO()
    with picture_settings():
        figure.savefig(content, format=kind, dpi=DOTS, metadata=_UNDATED[kind])
    return content.getvalue()
