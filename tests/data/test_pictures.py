"""What a picture file becomes: grey or red, green, blue, in 8 bits, of one size."""

import hashlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from tinymnist.data.pictures import Picture, decode
from tinymnist.data.resizing import fitted
from tinymnist.errors import ImageError

GREY = np.random.default_rng(0).integers(0, 256, (5, 7), np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (5, 7, 3), np.uint8)


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def turned() -> bytes:
    """Stored on its side, as a camera does."""
    image = Image.fromarray(np.rot90(GREY))
    image.getexif()[0x0112] = 6
    return saved(image, exif=image.getexif())


def palette() -> Image.Image:
    return Image.fromarray(COLOUR).convert("P", palette=Image.Palette.ADAPTIVE, colors=256)


def with_alpha(alpha: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(np.dstack([COLOUR, alpha]))


OPAQUE = np.full((5, 7), 255, np.uint8)

KINDS: dict[str, tuple[Callable[[], bytes], NDArray[np.uint8]]] = {
    "grey": (lambda: saved(Image.fromarray(GREY)), GREY),
    "colour": (lambda: saved(Image.fromarray(COLOUR)), COLOUR),
    "grey saved in colour": (lambda: saved(Image.fromarray(GREY).convert("RGB")), GREY),
    "two levels": (lambda: saved(Image.fromarray(GREY > 99)), np.where(GREY > 99, np.uint8(255), np.uint8(0))),
    "palette": (lambda: saved(palette()), np.asarray(palette().convert("RGB"))),
    "an opaque alpha channel": (lambda: saved(with_alpha(OPAQUE)), COLOUR),
    "lossless JPEG of one grey": (lambda: saved(Image.new("L", (7, 5), 90), "JPEG"), np.full((5, 7), 90, np.uint8)),
    "CMYK": (lambda: saved(Image.new("CMYK", (7, 5)), "JPEG"), np.full((5, 7), 255, np.uint8)),
    "turned": (turned, GREY),
}


@pytest.mark.parametrize(("make", "pixels"), KINDS.values(), ids=KINDS.keys())
def test_pictures_of_all_kinds_are_read(make: Callable[[], bytes], pixels: NDArray[np.uint8]) -> None:
    picture = decode(make(), None)
    assert (picture.had_16_bits, picture.was_transparent) == (False, False)
    assert np.array_equal(picture.pixels, pixels)


def test_16_bits_of_grey_are_scaled_to_8() -> None:
    levels = np.array([[0, 128, 129, 257, 32_767, 32_768, 65_535]], np.uint16)
    picture = decode(saved(Image.fromarray(levels)), None)
    assert picture.had_16_bits
    assert picture.pixels.tolist() == [[0, 0, 1, 1, 127, 128, 255]]


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_shows_white(mode: str) -> None:
    alpha = OPAQUE.copy()
    alpha[0] = 0
    picture = decode(saved(with_alpha(alpha).convert(mode)), None)
    assert picture.was_transparent
    assert (picture.pixels[0] == 255).all()
    assert np.array_equal(picture.pixels[1:], np.asarray(Image.fromarray(COLOUR).convert(mode[:-1]))[1:])


def test_a_picture_that_is_too_large_is_not_decoded() -> None:
    whole = saved(Image.new("L", (97, 20), 200))
    assert decode(whole[:45], None).pixels.shape == (20, 97)  # its size is known from the first bytes
    with pytest.raises(ImageError, match="damaged picture"):
        decode(whole[:45], (28, 28))


@pytest.mark.parametrize("sides", [(4001, 4000), (20_000, 20_000)], ids=["ours", "Pillow's"])
def test_a_picture_to_be_made_smaller_has_a_limit(sides: tuple[int, int]) -> None:
    with pytest.raises(ImageError, match="more than 16 megapixels: save it smaller"):
        decode(saved(Image.new("1", sides)), (28, 28))


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "WEBP"])
def test_other_formats_are_refused(kind: str) -> None:
    with pytest.raises(ImageError, match="is not a PNG or JPEG picture"):
        decode(saved(Image.fromarray(GREY), kind), None)


def test_a_picture_is_resized_as_it_is_decoded() -> None:
    picture = decode(saved(Image.fromarray(GREY)), (10, 14))
    assert picture == Picture(picture.pixels, False, False)
    assert np.array_equal(picture.pixels, fitted(GREY, 10, 14))


def test_a_picture_of_the_size_stays_as_it_is() -> None:
    assert fitted(COLOUR, 5, 7) is COLOUR


def test_the_aspect_is_kept_and_the_border_continued() -> None:
    wide = np.full((10, 20), 50, np.uint8)
    wide[4:6, 4:16] = 200
    small = fitted(wide, 10, 10)
    assert small.shape == (10, 10)
    assert (small[[0, 1, 2, 7, 8, 9]] == 50).all()
    assert small[4:6].max() > 100


def test_the_border_is_continued_in_its_colour() -> None:
    red = np.full((4, 8, 3), (200, 10, 20), np.uint8)
    assert (fitted(red, 8, 8) == (200, 10, 20)).all()


def test_making_a_picture_smaller_averages_its_pixels() -> None:
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    assert np.ptp(fitted(board, 16, 16)[1:-1, 1:-1]) <= 1


sides = st.integers(1, 96)


def test_every_version_of_pillow_makes_the_same_bits() -> None:
    tall = (np.arange(200 * 3 * 3) * 7919 % 251).astype(np.uint8).reshape(200, 3, 3)
    digest = hashlib.sha256(fitted(tall, 20, 24).tobytes()).hexdigest()
    assert digest == "51386af715e385d8af03e1f42619812b87a49b59819f5d02949f6e6708b2bda6"


@given(sides, sides, sides, sides, st.sampled_from([(), (3,)]), st.integers(0, 255))
def test_any_picture_fits_any_size(h: int, w: int, height: int, width: int, colour: tuple[int, ...], grey: int) -> None:
    result = fitted(np.full((h, w, *colour), grey, np.uint8), height, width)
    assert result.shape == (height, width, *colour)
    assert (result == grey).all()
