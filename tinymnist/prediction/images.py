"""Turns picture files from anywhere into grey levels. Only PNG and JPEG are read, and only after the size is known."""

import os
import stat
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from tinymnist.errors import ImageError
from tinymnist.quiet import own_warning_filters

FORMATS = ("PNG", "JPEG")
MAX_PIXELS = 4_000_000
MAX_BYTES = 64_000_000
"""Twice the size of the largest picture without compression: 16 bits each for red, green, blue and alpha."""

CARD_FILLED, CARD_CONTRAST = 0.6, 48
"""The opaque part of a picture is a card with a digit on it where it fills more than `CARD_FILLED` of its bounding box
and its grey levels differ by more than `CARD_CONTRAST`; else it is the digit itself."""

Grey = NDArray[np.float32]
"""(H, W), from 0, black, to 255, white."""


def read_grey(path: str | os.PathLike[str]) -> Grey:
    """Reads a PNG or JPEG file as grey levels, rotated according to its EXIF data, without transparency.

    Raises `ImageError` for anything else; its message does not name the path.
    """
    content = _read(Path(path))
    with own_warning_filters():
        warnings.simplefilter("ignore")  # Pillow's warnings about large or odd files, which are handled below
        try:
            with Image.open(BytesIO(content), formats=FORMATS) as image:
                width, height = image.size
                if width * height > MAX_PIXELS:
                    raise _too_large(f"{width:,} x {height:,} pixels are")
                return _visible(ImageOps.exif_transpose(image))
        except ImageError:
            raise
        except Image.DecompressionBombError:
            raise _too_large("is") from None
        except UnidentifiedImageError:
            raise ImageError("is no PNG or JPEG picture, or its first bytes are damaged") from None
        except Exception as error:  # decoders of damaged bytes raise nearly anything
            gist = " ".join(str(error).split())[:80]
            raise ImageError(f"damaged picture ({gist}): save it again") from None


def _read(path: Path) -> bytes:
    """Reads a plain file; anything else might never end. Raises `ImageError`."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            os.listdir(path)  # raises where nobody may look inside
            raise ImageError("is a folder without PNG or JPEG files")
        if not stat.S_ISREG(status.st_mode):
            raise ImageError("is not a plain file: copy it to one")
        if status.st_size > MAX_BYTES:
            raise ImageError(f"has {status.st_size:,} bytes, more than {MAX_BYTES:,}: save it smaller")
        content = path.read_bytes()
    except FileNotFoundError:
        raise ImageError("no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        raise ImageError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not content:
        raise ImageError("is empty")
    return content


def _too_large(what: str) -> ImageError:
    return ImageError(f"{what} more than {MAX_PIXELS // 1_000_000} megapixels: save it smaller, or cut the digit out")


def _visible(image: Image.Image) -> Grey:
    """Grey levels of an image; transparent parts get a level from which the opaque ones stand out."""
    if image.mode.startswith("I"):  # 16 bits: Pillow would cut them off above 255
        deep = np.asarray(image)
        return _over_ground(_levels(deep / 257), _levels(deep != image.info.get("transparency")))
    colours = image.convert("RGBA")
    return _over_ground(_levels(colours.convert("L")), _levels(colours.getchannel("A")) / np.float32(255))


def _levels(values: object) -> Grey:
    return np.asarray(values, dtype=np.float32)


def _over_ground(grey: Grey, opacity: Grey) -> Grey:
    """Puts `grey`, with an opacity from 0 to 1, over a ground of one level.

    Strokes alone, whose shape only the transparency shows, are put on white or black, whichever is farther from their
    level. A card with a digit on it, which has transparent corners or a margin, is put on its own median level.
    """
    if opacity.min() == 1:
        return grey
    opaque = opacity > opacity.max() / 2
    if not opaque.any():
        return np.zeros_like(grey)
    levels = grey[opaque]
    rows, columns = (np.flatnonzero(opaque.any(axis)) for axis in (1, 0))
    filled = len(levels) / (np.ptp(rows) + 1) / (np.ptp(columns) + 1)
    low, middle, high = np.quantile(levels, (0.02, 0.5, 0.98))
    is_card = filled > CARD_FILLED and high - low > CARD_CONTRAST
    ground = middle if is_card else 255 * (levels.mean() < 128)
    return _levels(opacity * grey + (1 - opacity) * ground)
