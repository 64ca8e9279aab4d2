"""The pictures of a run, drawn with matplotlib without a window. The names of classes are the only text from files."""

import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinymnist.errors import DataError
from tinymnist.evaluation import Evaluation
from tinymnist.files import write_atomically
from tinymnist.plotting import VERMILION, can_draw, constrained_figure, picture_bytes, picture_settings
from tinymnist.report.confusions import MOST_IN_MATRIX, WIDE_MATRIX
from tinymnist.report.contents import Entry, Metrics
from tinymnist.report.curves import PANELS, Panel, draw_panel
from tinymnist.report.filters import Filters, picture_of, rgb
from tinymnist.report.inspection import Inspection
from tinymnist.text import abbreviated, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SMALL, WIDE = 3.4, 8.4
"""Widths in inches: a picture that fits a phone, and one as wide as a page."""
CELL = 0.2
"""Inches; the side of a cell in a matrix of many classes."""
NARROW, BROAD = 10, 6
"""Images per row in the picture of mistakes: with short names of classes, and with long ones."""
SHORT_NAME, DRAWN_NAME = 4, 14
"""Characters of a name that is called short, and the most that are drawn of any."""
DIAGONAL = "#D6E7F2"
WEIGHT, LINE, ROOM = 0.045, 0.11, 1.5
"""Inches, in the picture of filters: the side of a weight, the height of a line of text, and its least width."""


def curves_picture(entry: Entry, beside: Sequence[Metrics] = (), panels: Sequence[Panel] = PANELS) -> bytes:
    """Draws panels side by side as an SVG; see `draw_panel`."""
    images = "held-out" if entry.record.validation else "test"
    with picture_settings():
        figure = constrained_figure(SMALL if len(panels) == 1 else WIDE, 2.4)
        for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            draw_panel(axes, panel, entry.metrics, images, beside)
    return picture_bytes(figure, "svg")


def drawn_names(names: Sequence[str], limit: int = DRAWN_NAME) -> list[str]:
    """What pictures call classes and other things: by their names, abbreviated; by their numbers, as in `#3`, where the
    font lacks a character or two look alike."""
    short = [abbreviated(printable(name), limit) for name in names]
    times = Counter(short)
    return [name if times[name] == 1 and can_draw(name) else f"#{number}" for number, name in enumerate(short)]


def confusion_picture(evaluation: Evaluation, class_names: Sequence[str]) -> bytes:
    """Draws the counts as an SVG, one row per true class and one column per predicted class; the more mistakes, the
    darker. With more than `WIDE_MATRIX` classes it grows, so that it can be read as wide as a page."""
    names = drawn_names(class_names)
    labels = 0.3 + 0.05 * max(map(len, names))
    side = SMALL - labels - 0.6 if len(names) <= WIDE_MATRIX else CELL * len(names)
    with picture_settings():
        figure = constrained_figure(side + labels + 0.6, side + labels + 0.4)
        _draw_confusion(figure.subplots(), np.array(evaluation.confusion), evaluation.accuracy_by_class, names)
    return picture_bytes(figure, "svg")


def _draw_confusion(
    axes: "Axes", counts: NDArray[Any], accuracies: Sequence[float | None], names: Sequence[str]
) -> None:
    classes, mistakes = len(counts), counts * (1 - np.eye(len(counts), dtype=int))
    shares = np.sqrt(mistakes / max(1, mistakes.max()))[..., None]
    colours = 255 + 0.75 * shares * (rgb(VERMILION) - 255)
    colours[np.eye(classes, dtype=bool)] = rgb(DIAGONAL)
    _draw_cells(axes, colours / 255, np.argwhere(counts + np.eye(classes, dtype=int)))
    size = min(6.5, 65 / classes) if classes <= WIDE_MATRIX else min(6.5, 24 / len(str(counts.max())))
    for (row, column), count in np.ndenumerate(counts):
        if count:
            axes.text(column + 0.5, row + 0.52, str(count), ha="center", va="center", fontsize=size)
    for row, accuracy in enumerate(accuracies):
        right = "-" if accuracy is None else f"{accuracy:.1f}"
        axes.text(classes + 0.3, row + 0.52, right, va="center", fontsize=size)
    axes.text(classes + 0.3, -0.35, "right, %", va="center", fontsize=size)
    axes.set_aspect("equal")
    axes.invert_yaxis()
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(np.arange(classes) + 0.5, names)
    axes.tick_params(length=0, labelsize=7)
    if max(map(len, names)) > 2:
        axes.tick_params(axis="x", labelrotation=90)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")


def _draw_cells(axes: "Axes", colours: NDArray[Any], places: NDArray[np.intp]) -> None:
    """Draws the cells of a matrix (rows, columns, 3) at `places` (n, 2); the others stay white, and take no bytes."""
    from matplotlib.collections import PolyCollection

    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
    squares = places[:, None, ::-1] + corners
    axes.add_collection(PolyCollection(squares, facecolors=colours[tuple(places.T)], edgecolors="white", linewidth=0.8))
    axes.set(xlim=(0, len(colours)), ylim=(0, len(colours)))


def as_shown(image: NDArray[np.uint8], ink: bool) -> NDArray[np.uint8]:
    """An image as people look at it: ink, which is white on black, as black on white."""
    return 255 - image if ink else image


def mistakes_picture(network: Inspection) -> bytes:
    """Draws each image as a PNG, with its class and the two likeliest classes with their probabilities."""
    mistakes, names = network.mistakes, drawn_names(network.class_names)
    per_row = NARROW if max(map(len, names)) <= SHORT_NAME else BROAD
    rows, columns = -(-len(mistakes) // per_row), min(per_row, len(mistakes))
    width, height = WIDE / per_row, 1.25
    with picture_settings():
        from matplotlib.figure import Figure

        figure = Figure((width * columns, height * rows), facecolor="white")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        for place, mistake in enumerate(mistakes):
            x, y = width * (place % per_row + 0.5), height * (place // per_row)
            axes.text(x, y + 0.14, f"true {names[mistake.label]}", ha="center", va="center", fontsize=6.5)
            _draw_image(axes, as_shown(mistake.image, network.ink), x, y + 0.54)
            for row, (label, probability) in enumerate(mistake.likeliest):
                guess = f"{names[label]}: {percent(probability)}"
                axes.text(x, y + 0.96 + 0.11 * row, guess, ha="center", va="center", fontsize=6)
        axes.set(xlim=(0, width * columns), ylim=(height * rows, 0))
    picture = picture_bytes(figure, "png")
    return _grey(picture) if all(each.image.ndim == 2 for each in mistakes) else picture


def _draw_image(axes: "Axes", image: NDArray[np.uint8], x: float, y: float) -> None:
    """Draws an image around a place, its longer side 0.64 inches."""
    tall, across = (0.32 * side / max(image.shape[:2]) for side in image.shape[:2])
    axes.imshow(image, "gray", vmin=0, vmax=255, extent=(x - across, x + across, y + tall, y - tall))


def percent(probability: float) -> str:
    """`62 %`; only 0 is shown as `0 %`, and only 1 as `100 %`."""
    if 0.995 <= probability < 1:
        return "> 99 %"
    return "< 1 %" if 0 < probability <= 0.005 else f"{100 * probability:.0f} %"


def _grey(picture: bytes) -> bytes:
    """The PNG in grey, which takes less than half the bytes of one in colour."""
    from PIL import Image

    with Image.open(io.BytesIO(picture)) as opened:
        return png(np.asarray(opened.convert("L")))


def filters_picture(filters: Sequence[Filters]) -> bytes:
    """Draws the filters of each convolution as a PNG, every weight the same size; see `picture_of`."""
    pictures = [picture_of(each) for each in filters]
    labels = ["\n".join([each.name, *each.words]) for each in filters]
    lines = [LINE * (1 + len(each.words)) + 0.08 for each in filters]
    sizes = [
        (max(ROOM, WEIGHT * picture.shape[1]) + 0.1, WEIGHT * picture.shape[0] + above)
        for picture, above in zip(pictures, lines, strict=True)
    ]
    places, height = _on_shelves(sizes)
    with picture_settings():
        from matplotlib.figure import Figure

        figure = Figure((WIDE, height), facecolor="white")
        for label, above, picture, (x, y) in zip(labels, lines, pictures, places, strict=True):
            tall, across = WEIGHT * picture.shape[0], WEIGHT * picture.shape[1]
            box = (x / WIDE, 1 - (y + above + tall) / height, across / WIDE, tall / height)
            axes = figure.add_axes(box)
            axes.imshow(picture, interpolation="nearest", aspect="auto")
            axes.set_axis_off()
            figure.text(box[0], box[1] + box[3] + 0.04 / height, label, fontsize=5.5, va="bottom")
    return picture_bytes(figure, "png")


def _on_shelves(sizes: Sequence[tuple[float, float]]) -> tuple[list[tuple[float, float]], float]:
    """Places boxes of these widths and heights from left to right and then down; gives their places and the total
    height."""
    places, x, y, shelf = [], 0.1, 0.1, 0.0
    for width, height in sizes:
        if x > 0.1 and x + width > WIDE:
            x, y, shelf = 0.1, y + shelf + 0.12, 0.0
        places.append((x, y))
        x, shelf = x + width, max(shelf, height)
    return places, y + shelf + 0.1


def png(picture: NDArray[np.uint8]) -> bytes:
    """Encodes an RGBA picture (height, width, 4) or a grey one (height, width) as a PNG."""
    from PIL import Image  # comes with matplotlib

    content = io.BytesIO()
    Image.fromarray(picture).save(content, "png", optimize=True)
    return content.getvalue()


def write_pictures(entry: Entry, folder: Path) -> list[Path]:
    """Writes `LABEL-curves.svg`, `-confusion.svg`, `-mistakes.png` and `-filters.png` to `folder`, which is created if
    it is missing, leaving out those with nothing to draw. Raises `DataError` if it cannot write."""
    return write_files(folder, ((f"{entry.label}-{name}", content) for name, content in _pictures(entry)))


def write_files(folder: Path, pictures: Iterable[tuple[str, bytes]]) -> list[Path]:
    """Writes files to `folder`, which is created if it is missing; gives their paths. Raises `DataError` if it cannot
    write."""
    written = []
    for name, content in pictures:
        path = folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{folder}: cannot be written: {error.strerror or error}") from None
        write_atomically(path, content)
        written.append(path)
    return written


def _pictures(entry: Entry) -> Iterator[tuple[str, bytes]]:
    network = entry.network
    if entry.metrics:
        yield "curves.svg", curves_picture(entry)
    if network is None:
        return
    if len(network.class_names) <= MOST_IN_MATRIX:
        yield "confusion.svg", confusion_picture(network.evaluation, network.class_names)
    if network.mistakes:
        yield "mistakes.png", mistakes_picture(network)
    if network.filters:
        yield "filters.png", filters_picture(network.filters)
