"""Pictures as large as telephones make them are made smaller while they are decoded, within a bound of memory."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import tinymnist
from tests.support.digits import Pixels, on_paper
from tinymnist.errors import ImageError
from tinymnist.prediction import read_grey

NETWORK = "smooth3092"


def photograph(width: int, height: int) -> tuple[Pixels, int]:
    """A digit on a sheet of paper, and its label."""
    (page,), (label,) = on_paper(1)
    return np.asarray(Image.fromarray(page).resize((width, height))), label


KINDS: dict[str, tuple[str, tuple[int, int], str, dict[str, Any]]] = {
    "JPEG, 12 megapixels": ("jpg", (4032, 3024), "RGB", {}),
    "JPEG, 48 megapixels": ("jpg", (8064, 6048), "L", {}),
    "progressive JPEG, 12 megapixels": ("jpg", (4032, 3024), "RGB", {"progressive": True}),
    "CMYK JPEG, 12 megapixels": ("jpg", (4032, 3024), "CMYK", {}),
    "MPO, 12 megapixels": ("mpo", (4032, 3024), "RGB", {"save_all": True}),
    "WebP": ("webp", (800, 600), "RGB", {}),
    "WebP, transparent": ("webp", (800, 600), "RGBA", {"lossless": True}),
    "WebP, 12 megapixels": ("webp", (4032, 3024), "RGB", {"method": 0}),
    "PNG, 12 megapixels": ("png", (4032, 3024), "RGB", {"compress_level": 1}),
}


@pytest.mark.parametrize(("kind", "size", "mode", "options"), KINDS.values(), ids=KINDS.keys())
def test_photographs_are_read(
    kind: str, size: tuple[int, int], mode: str, options: dict[str, Any], tmp_path: Path
) -> None:
    pixels, label = photograph(*size)
    image = Image.fromarray(pixels).convert(mode)
    if kind == "mpo":  # as telephones save a photograph with a second picture, such as its depth
        options = {**options, "append_images": [image.resize((40, 30))]}
    image.save(tmp_path / f"a.{kind}", **options)
    (tmp_path / f"a.{kind}").rename(tmp_path / f"b.{kind.replace('mpo', 'jpg')}")
    assert [each.digit for each in tinymnist.predict(NETWORK, [tmp_path])] == [label]
    assert read_grey(next(tmp_path.iterdir())).size <= 4_000_000


@pytest.mark.parametrize("kind", ["jpg", "png", "webp"])
def test_large_ones_are_turned_too(kind: str, tmp_path: Path) -> None:
    image = Image.fromarray(photograph(2400, 1800)[0])
    image.getexif()[0x0112] = 6
    image.save(tmp_path / f"a.{kind}", exif=image.getexif())
    height, width = read_grey(tmp_path / f"a.{kind}").shape
    assert (height, width) == (1200, 900)


REFUSED = {
    "JPEG": ("jpg", "L", (9000, 7200), {}, "9,000 x 7,200 pixels are more than 64 megapixels"),
    "progressive JPEG": ("jpg", "L", (4100, 4000), {"progressive": True}, "more than 16 megapixels"),
    "WebP": ("webp", "L", (4100, 4000), {"method": 0}, "4,100 x 4,000 pixels are more than 16 megapixels"),
    "16 bits": ("png", "I;16", (2001, 2000), {}, "2,001 x 2,000 pixels are more than 4 megapixels"),
}


@pytest.mark.parametrize(("kind", "mode", "size", "options", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_larger_ones_are_refused(
    kind: str, mode: str, size: tuple[int, int], options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    Image.new(mode, size).save(tmp_path / f"a.{kind}", **options)
    with pytest.raises(ImageError, match=message):
        read_grey(tmp_path / f"a.{kind}")


def test_heic_is_told_apart_where_it_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    with pytest.raises(ImageError, match="is a HEIC picture, which cannot be read here: save it as JPEG"):
        read_grey(tmp_path / "a.heic")


def test_heic_is_read_where_pillow_has_a_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(photograph(300, 300)[0]).save(tmp_path / "a.heic", "PNG")
    png, _ = Image.OPEN["PNG"]
    monkeypatch.setitem(Image.OPEN, "HEIF", (png, None))  # as pillow-heif registers itself
    assert [each.digit for each in tinymnist.predict(NETWORK, [tmp_path])] == [photograph(300, 300)[1]]


PEAK = """
import resource, sys
from tinymnist.prediction import read_grey
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
read_grey(sys.argv[1])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory in kilobytes")
@pytest.mark.parametrize(
    ("kind", "size"), [("jpg", (8064, 6048)), ("webp", (4032, 3024)), ("png", (4000, 4000))], ids=["jpg", "webp", "png"]
)
@pytest.mark.slow
def test_memory_is_bounded(kind: str, size: tuple[int, int], tmp_path: Path) -> None:
    Image.fromarray(photograph(*size)[0]).convert("RGBA" if kind == "png" else "RGB").save(tmp_path / f"a.{kind}")
    command = [sys.executable, "-c", PEAK, str(tmp_path / f"a.{kind}")]
    kilobytes = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert kilobytes < 256_000
