"""Turns picture files from anywhere into grey levels. Only a few formats are read, and only after the size is known."""

import os
import stat
import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError, WebPImagePlugin

from tinymnist.errors import ImageError
from tinymnist.quiet import own_warning_filters

FORMATS = ("PNG", "JPEG", WebPImagePlugin.WebPImageFile.format, "HEIF")
"""HEIF where a program has registered a reader for it with Pillow."""
MAX_PIXELS = 4_000_000
"""Larger pictures are made smaller while or before they become grey levels."""
MAX_WHOLE = 16_000_000
"""Pixels of a picture with 8 bits per channel that has to be decoded as a whole, before it is made smaller."""
MAX_SCALED = 64_000_000
"""Pixels of a JPEG picture that is made smaller while it is decoded."""
MAX_BYTES = 64_000_000
"""Twice the size of 4 megapixels without compression: 16 bits each for red, green, blue and alpha."""

CARD_FILLED, CARD_CONTRAST = 0.6, 48
"""The opaque part of a picture is a card with a character on it where it fills more than `CARD_FILLED` of its bounding
box and its grey levels differ by more than `CARD_CONTRAST`; else it is the character itself."""

Grey = NDArray[np.float32]
"""(H, W), from 0, black, to 255, white."""
Picture = NDArray[np.uint8]
"""What a network is given: (H, W), or (H, W, 3) in colour."""

Read = TypeVar("Read")


def read_grey(path: str | os.PathLike[str]) -> Grey:
    """Reads a PNG, JPEG or WebP file as grey levels, rotated according to its EXIF data, without transparency, made
    smaller where it has more than 4 megapixels.

    Raises `ImageError` for anything else; its message does not name the path.
    """
    return read_scaled(path)[0]


def read_scaled(path: str | os.PathLike[str]) -> tuple[Grey, float]:
    """The same, and how many pixels of the file one of the grey levels stands for, along each side."""

    def scaled(image: Image.Image, _: bytes) -> tuple[Grey, float]:
        longer_side = max(image.size)
        grey = _visible(ImageOps.exif_transpose(_made_smaller(image)))
        return grey, longer_side / max(grey.shape)

    return open_picture(path, scaled)


def open_picture(path: str | os.PathLike[str], use: Callable[[Image.Image, bytes], Read]) -> Read:
    """What `use` makes of a picture, not yet decoded, and of the bytes of its file. Raises `ImageError` for anything
    but a PNG, JPEG or WebP file, and where `use` finds it damaged; the message does not name the path."""
    content = _read(Path(path))
    with own_warning_filters():
        warnings.simplefilter("ignore")  # Pillow's warnings about large or odd files, which are handled below
        try:
            with Image.open(BytesIO(content), formats=formats()) as image:
                return use(image, content)
        except ImageError:
            raise
        except Image.DecompressionBombError:
            raise _too_large("is", MAX_SCALED) from None
        except UnidentifiedImageError:
            raise ImageError(_unidentified(content)) from None
        except Exception as error:  # decoders of damaged bytes raise nearly anything
            gist = " ".join(str(error).split())[:80]
            raise ImageError(f"damaged picture ({gist}): save it again") from None


def formats() -> list[str]:
    """The formats among `FORMATS` that Pillow can read here."""
    Image.preinit()  # registers the commonest ones, such as PNG and JPEG; importing `WebPImagePlugin` registers WebP
    return [name for name in FORMATS if name in Image.OPEN]


def _made_smaller(image: Image.Image) -> Image.Image:
    """The picture with at most `MAX_PIXELS`. Raises `ImageError` before anything is decoded that would need more than
    about 200 MB."""
    width, height = image.size
    pixels = width * height
    if pixels <= MAX_PIXELS:
        return image
    if is_baseline_jpeg(image):
        limit = MAX_SCALED
    else:
        limit = MAX_WHOLE if image.mode in ("L", "LA", "RGB", "RGBA", "CMYK") else MAX_PIXELS
    if pixels > limit:
        raise _too_large(f"{width:,} x {height:,} pixels are", limit)
    if _is_jpeg(image):
        scale = next(scale for scale in (2, 4, 8) if pixels <= scale**2 * MAX_PIXELS)
        image.draft("L", (width // scale, height // scale))
        return image
    return image.reduce(int(np.ceil(np.sqrt(pixels / MAX_PIXELS))))


def is_baseline_jpeg(image: Image.Image) -> bool:
    """Whether the picture can be made smaller while it is decoded; of progressive JPEG, libjpeg holds every
    coefficient."""
    return _is_jpeg(image) and "progressive" not in image.info


def _is_jpeg(image: Image.Image) -> bool:
    return image.format in ("JPEG", "MPO")


def _unidentified(content: bytes) -> str:
    if content[4:8] == b"ftyp" and content[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1"):
        return "is a HEIC picture, which cannot be read here: save it as JPEG"
    return "is not a PNG, JPEG or WebP picture, or its first bytes are damaged"


def _read(path: Path) -> bytes:
    """Reads a plain file; anything else might never end. Raises `ImageError`."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            os.listdir(path)  # raises where nobody may look inside
            raise ImageError("is a folder without PNG, JPEG or WebP files")
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


def _too_large(what: str, limit: int) -> ImageError:
    return ImageError(f"{what} more than {limit // 1_000_000} megapixels: save it smaller, or crop it")


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
    level. A card with a character on it, which has transparent corners or a margin, is put on its own median level.
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
