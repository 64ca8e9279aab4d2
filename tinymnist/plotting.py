"""The look of every picture, and its encoding: the same figure and version of matplotlib give the same bytes anywhere.

matplotlib is only imported to draw.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Format = Literal["svg", "png", "pdf"]

DOTS = 200
"""Dots per inch of a PNG."""
BLUE, VERMILION, INK, GRID = "#0072B2", "#B85600", "#262626", "#E6E6E6"
"""The blue and vermilion, a little darker, of M. Okabe and K. Ito, https://jfly.uni-koeln.de/color/, which colour-blind
people can tell apart too."""
_SETTINGS: dict[str, Any] = {
    "text.parse_math": False,  # a dollar sign in a name is only text
    "figure.dpi": DOTS,
    "font.size": 8.5,
    "axes.edgecolor": "#8C8C8C",
    "axes.labelcolor": INK,
    "text.color": INK,
    "text.hinting": "none",
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.hashsalt": "tinymnist",
    "svg.fonttype": "path",  # text has the same width everywhere, so that labels stay clear of one another
}
_UNDATED: dict[Format, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None},
}


@contextmanager
def picture_settings() -> Iterator[None]:
    """Sets matplotlib up as every picture needs it, whatever the user's own settings."""
    from matplotlib import style

    with style.context(["default", _SETTINGS]):
        yield


def constrained_figure(width: float, height: float) -> "Figure":
    """A white figure of so many inches, whose axes and legends make room for each other, drawn without a window."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((width, height), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def can_draw(text: str) -> bool:
    """Whether the font of every picture, which comes with matplotlib, has all characters of `text`."""
    from matplotlib import font_manager

    known = font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_charmap()
    return all(ord(character) in known for character in text)


def picture_bytes(figure: "Figure", kind: Format) -> bytes:
    """Encodes the figure, without date and version."""
    content = io.BytesIO()
    with picture_settings():
        figure.savefig(content, format=kind, dpi=DOTS, metadata=_UNDATED[kind])
    return content.getvalue()
