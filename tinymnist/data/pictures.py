"""One picture file as pixels: PNG or JPEG, decoded only after its size is known."""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from tinymnist.data.resizing import fitted
from tinymnist.errors import ImageError
from tinymnist.spec.base import MAX_SIDE

FORMATS = ("PNG", "JPEG")
SUFFIXES = (".png", ".jpg", ".jpeg")
MAX_DECODED = 16_000_000
"""Pixels of a picture that is decoded to be made smaller."""
MAX_BYTES = 64_000_000
_PNG, _DEPTH_AT = b"\x89PNG\r\n\x1a\n", 24


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture: (H, W) where it is grey, also where a file in colour shows only greys, else (H, W, 3)."""

    pixels: NDArray[np.uint8]
    had_16_bits: bool
    was_transparent: bool


def decode(content: bytes, resize: tuple[int, int] | None) -> Picture:
    """Decodes the bytes of a file, and brings the picture to the size `resize`, if one is given.

    Grey levels of 16 bits are scaled to 8; what is transparent shows white. Without `resize`, a picture whose sides are
    longer than `MAX_SIDE` is not decoded: all of its pixels are 0. Raises `ImageError`, whose message does not name the
    file. The caller silences Pillow's warnings.
    """
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            return picture_of(image, content, resize)
    except ImageError:
        raise
    except Image.DecompressionBombError:
        raise _too_large("is") from None
    except UnidentifiedImageError:
        what = "is not a PNG or JPEG picture, or its first bytes are damaged" if content else "is empty"
        raise ImageError(what) from None
    except Exception as error:  # decoders of damaged bytes raise nearly anything
        raise ImageError(f"damaged picture ({' '.join(str(error).split())[:80]})") from None


def picture_of(image: Image.Image, content: bytes, resize: tuple[int, int] | None) -> Picture:
    """The picture that a file of these bytes, opened as `image`, shows: what `decode` returns. Raises `ImageError` for
    one that is too large, and whatever Pillow raises for damaged bytes."""
    width, height = image.size
    if resize is None and max(width, height) > MAX_SIDE:
        return Picture(np.broadcast_to(np.uint8(0), (height, width)), False, False)  # it takes no memory
    if width * height > MAX_DECODED:
        raise _too_large(f"{width:,} x {height:,} pixels are")
    pixels, had_16_bits, was_transparent = _decoded(image, content)
    pixels = pixels if resize is None else fitted(pixels, *resize)
    return Picture(pixels if pixels.ndim == 2 else without_colour(pixels), had_16_bits, was_transparent)


def _decoded(image: Image.Image, content: bytes) -> tuple[NDArray[np.uint8], bool, bool]:
    """Pixels, and whether they had 16 bits, and transparent parts."""
    if image.format != "PNG" or "exif" in image.info:
        image = ImageOps.exif_transpose(image)
    had_16_bits = content.startswith(_PNG) and content[_DEPTH_AT] == 16
    if image.mode.startswith("I"):  # 16 bits of grey: Pillow would cut them off above 255
        return ((np.asarray(image).astype(np.int64) + 128) // 257).astype(np.uint8), had_16_bits, False
    transparent = image.has_transparency_data
    if transparent:
        colours = image.convert("RGBA")
        transparent = bool((np.asarray(colours)[..., 3] < 255).any())
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), colours)
    return np.asarray(image.convert("L" if image.mode in ("1", "L") else "RGB")), had_16_bits, transparent


def without_colour(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W) for (H, W, 3) of which every pixel is grey; else as it is."""
    return pixels if bool((pixels != pixels[..., :1]).any()) else np.ascontiguousarray(pixels[..., 0])


def _too_large(what: str) -> ImageError:
    return ImageError(f"{what} more than {MAX_DECODED // 1_000_000} megapixels: save it smaller")
