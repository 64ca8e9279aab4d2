"""A contact sheet of a data set: some images of each class, one class per row."""

import math
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tinymnist.data.image_set import ImageSet
from tinymnist.text import printable

PER_CLASS, PER_CLASS_OF_MANY, MANY = 10, 3, 100
"""How many images of each class are shown, and how many where there are more than `MANY` classes."""
ROWS = 40
"""Classes under each other before another column is begun."""
SIDE = 56
"""Pixels to which small images are enlarged, by a whole factor."""
GAP, NAME_WIDTH, FONT_SIZE = 4, 120, 13
"""Pixels; the width is what a name may take at most."""
PAPER, INK = (255, 255, 255), (38, 38, 38)


def contact_sheet(data: ImageSet) -> bytes:
    """A PNG file: of each class its name and its first training images, in canonical order; test images where there are
    no others."""
    images = data.train if len(data.train) else data.test
    _, height, width = data.shape
    font = ImageFont.load_default(FONT_SIZE)
    per_class = PER_CLASS if len(data.class_names) <= MANY else PER_CLASS_OF_MANY
    names = [_shortened(printable(name), font) for name in data.class_names]
    margin = math.ceil(max(font.getlength(name) for name in names)) + 2 * GAP
    scale = max(1, SIDE // max(height, width))
    cell_width, cell_height = scale * width + GAP, max(scale * height, 2 * FONT_SIZE) + GAP
    strip = margin + per_class * cell_width + GAP
    columns = math.ceil(len(names) / ROWS)
    rows = math.ceil(len(names) / columns)
    sheet = Image.new("RGB", (columns * strip + GAP, rows * cell_height + GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    for label, name in enumerate(names):
        left, top = GAP + label // rows * strip, GAP + label % rows * cell_height
        draw.text((left, top), name, INK, font)
        for place, index in enumerate(np.flatnonzero(images.labels == label)[:per_class]):
            sheet.paste(_as_picture(images.pixels[index], scale), (left + margin + place * cell_width, top))
    stream = BytesIO()
    sheet.save(stream, "PNG")
    return stream.getvalue()


def _as_picture(pixels: NDArray[np.uint8], scale: int) -> Image.Image:
    """An image (C, H, W) in colour, each of its pixels a square."""
    in_colour = np.broadcast_to(pixels, (3, *pixels.shape[1:])).transpose(1, 2, 0)
    return Image.fromarray(np.ascontiguousarray(in_colour.repeat(scale, 0).repeat(scale, 1)))


def _shortened(name: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """The name, shortened to the room that there is."""
    if font.getlength(name) <= NAME_WIDTH:
        return name
    fitting = (name[:length] + "..." for length in range(min(len(name), NAME_WIDTH), 0, -1))
    return next((text for text in fitting if font.getlength(text) <= NAME_WIDTH), "...")
