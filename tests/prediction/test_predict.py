"""Reading digits in picture files: what is read, what is refused, and how pictures become MNIST's."""

import io
import json
import os
import re
import shutil
import struct
import sys
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import tinymnist
from tests.support.command_line import ARCHS, Cli, Outcome
from tests.support.digits import mnist_5k
from tinymnist.cli import run
from tinymnist.errors import DataError, ImageError, RunError, TinyMnistError
from tinymnist.prediction import Unusable, predict_each, prepare, read_grey
from tinymnist.training import RunDirectory

NETWORK = "smooth996"
SEVEN = [(60, 50), (140, 46), (100, 110), (84, 160)]

Pixels = NDArray[np.uint8]


def seven(pen: int = 14) -> Pixels:
    """(200, 200), dark on white."""
    image = np.full((200, 200), 255, np.uint8)
    cv2.polylines(image, [np.array(SEVEN, np.int32)[:, None]], False, 0, pen, cv2.LINE_AA)
    return image


@cache
def mnist(count: int) -> tuple[Pixels, list[int]]:
    """Some of MNIST's training images, and their labels."""
    images, labels, *_ = mnist_5k()
    step = len(images) // count
    return images[::step][:count], labels[::step][:count].tolist()


def strokes(opacity: Pixels, level: int) -> Image.Image:
    """On nothing: only where they are opaque can they be seen."""
    flat = np.full_like(opacity, level)
    return Image.fromarray(np.stack([flat, flat, flat, opacity], 2))


def card() -> Image.Image:
    """A white card with a dark digit, on a transparent margin."""
    picture = np.dstack([seven()] * 3 + [np.full((200, 200), 255, np.uint8)])
    return Image.fromarray(np.pad(picture, ((30, 30), (30, 30), (0, 0))))


def blue_on_yellow() -> Image.Image:
    return Image.fromarray(np.where(seven()[..., None] > 128, (250, 240, 120), (30, 40, 160)).astype(np.uint8))


def dark_palette() -> Image.Image:
    image = Image.fromarray((seven() < 128).astype(np.uint8))
    image = image.convert("P")
    image.putpalette([250, 240, 200, 20, 30, 90])
    return image


def turned() -> Image.Image:
    """A picture on its side, with a note that says so, which is how a camera held upright stores it."""
    image = Image.fromarray(np.rot90(seven()).copy())
    image.getexif()[0x0112] = 6
    return image


PICTURES: dict[str, tuple[Callable[[], Image.Image], str, dict[str, Any]]] = {
    "grey": (lambda: Image.fromarray(seven()), "png", {}),
    "light on dark": (lambda: Image.fromarray(255 - seven()), "png", {}),
    "faint on grey": (lambda: Image.fromarray(120 + seven() // 8), "png", {}),
    "blue on yellow": (blue_on_yellow, "png", {}),
    "two levels": (lambda: Image.fromarray(seven()).convert("1"), "png", {}),
    "palette": (dark_palette, "png", {}),
    "palette, transparent ground": (dark_palette, "png", {"transparency": 0}),
    "grey, transparent ground": (lambda: Image.fromarray(seven()), "png", {"transparency": 255}),
    "16 bits": (lambda: Image.fromarray(40_000 + 80 * seven().astype(np.uint16)), "png", {}),
    "black strokes on nothing": (lambda: strokes(255 - seven(), 0), "png", {}),
    "white strokes on nothing": (lambda: strokes(255 - seven(), 255), "png", {}),
    "grey and alpha": (lambda: strokes(255 - seven(), 0).convert("LA"), "png", {}),
    "card on nothing": (card, "png", {}),
    "JPEG": (lambda: Image.fromarray(seven()).convert("RGB"), "jpg", {"quality": 60}),
    "grey progressive JPEG": (lambda: Image.fromarray(seven()), "jpg", {"progressive": True}),
    "CMYK": (lambda: Image.fromarray(seven()).convert("RGB").convert("CMYK"), "jpg", {}),
    "turned JPEG": (turned, "jpg", {}),
    "turned PNG": (turned, "png", {}),
    "wide": (lambda: Image.fromarray(np.pad(seven(), ((0, 0), (0, 500)), constant_values=255)), "png", {}),
    "far away": (lambda: Image.fromarray(np.pad(seven(), ((1500, 300), (200, 1600)), constant_values=255)), "png", {}),
    "4 megapixels": (lambda: Image.fromarray(cv2.resize(seven(), (2000, 2000))), "png", {}),
}  # fmt: skip


@pytest.mark.parametrize(("make", "kind", "options"), PICTURES.values(), ids=PICTURES.keys())
def test_pictures_of_all_kinds_are_read(
    make: Callable[[], Image.Image], kind: str, options: dict[str, Any], tmp_path: Path
) -> None:
    image = make()
    if image.getexif():
        options = {**options, "exif": image.getexif()}
    image.save(tmp_path / f"seven.{kind}", **options)
    (found,) = tinymnist.predict(NETWORK, [tmp_path / f"seven.{kind}"])
    assert (found.digit, found.probabilities[7] > 0.9) == (7, True)
    assert sum(found.probabilities) == pytest.approx(1)


@pytest.mark.parametrize("channels", [3, 4], ids=["RGB", "RGBA"])
def test_16_bits_of_colour_are_read(channels: int, tmp_path: Path) -> None:
    deep = np.full((200, 200, channels), 65_535, np.uint16)
    deep[..., :3] = seven()[..., None].astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "deep.png"), deep)
    assert tinymnist.predict(NETWORK, [tmp_path / "deep.png"])[0].digit == 7


def png(*chunks: tuple[bytes, bytes], width: int = 28, height: int = 28) -> bytes:
    """A PNG file of these chunks, the header before them."""
    header = (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in (header, *chunks, (b"IEND", b""))
    )


def encoded(pixels: NDArray[Any], kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


SOME = (b"IDAT", zlib.compress(b"\0" * 100))
NO_CHARACTER = "no character to be seen"
rng = np.random.default_rng(0)

REFUSED: dict[str, tuple[bytes, str]] = {
    "bomb": (png(SOME, width=50_000, height=50_000), "is more than 64 megapixels: save it smaller"),
    "a bomb that Pillow only warns of": (
        png(SOME, width=10_000, height=10_000),
        "10,000 x 10,000 pixels are more than 16 megapixels: save it smaller, or crop it",
    ),
    "one row too many": (png(SOME, width=4000, height=4001), "4,000 x 4,001 pixels are more than 16 megapixels"),
    "long and narrow": (png(SOME, width=2**31 - 1, height=1), "is more than 64 megapixels"),
    "JPEG bomb": (encoded(seven(), "JPEG").replace(b"\0\xc8\0\xc8", b"\xff\xdc\xff\xdc"), "is more than 64 megapixels"),
    "text bomb": (png((b"zTXt", b"a\0\0" + zlib.compress(bytes(10**8))), SOME), "damaged picture ("),
    "truncated PNG": (encoded(rng.integers(0, 255, (99, 99), np.uint8))[:5000], "damaged picture ("),
    "truncated JPEG": (encoded(rng.integers(0, 255, (99, 99), np.uint8), "JPEG")[:5000], "damaged picture ("),
    "no pixels": (png(), "damaged picture ("),
    "too few pixels": (png(SOME), "damaged picture ("),
    "header alone": (encoded(seven())[:12], "is not a PNG, JPEG or WebP picture, or its first bytes are damaged"),
    "zero width": (png(SOME, width=0), "is not a PNG, JPEG or WebP picture"),
    "GIF": (encoded(seven(), "GIF"), "is not a PNG, JPEG or WebP picture"),
    "TIFF": (encoded(seven(), "TIFF"), "is not a PNG, JPEG or WebP picture"),
    "text": (b"seven\n", "is not a PNG, JPEG or WebP picture"),
    "zero size": (b"", "is empty"),
    "white": (encoded(np.full((50, 50), 255, np.uint8)), NO_CHARACTER),
    "black": (encoded(np.zeros((1, 1), np.uint8)), NO_CHARACTER),
    "noise": (encoded(np.rint(rng.normal(128, 10, (99, 99))).astype(np.uint8)), NO_CHARACTER),
    "shadow on paper": (
        encoded((90 + 90 * (np.arange(99) > 40) + rng.normal(0, 3, (99, 99))).astype(np.uint8)),
        NO_CHARACTER,
    ),
    "wholly transparent": (encoded(np.zeros((50, 50, 4), np.uint8)), NO_CHARACTER),
}


def one_line_and_2(outcome: Outcome, message: str) -> None:
    assert outcome.err.startswith(f"tinymnist: {message}")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_used_is_one_line_and_exit_code_2(
    content: bytes, message: str, cli: Cli, tmp_path: Path
) -> None:
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    outcome = cli("predict", NETWORK, path)
    one_line_and_2(outcome, f"{path}: {message}")
    assert outcome.out == ""


def fifo(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.png")
    return folder / "pipe.png"


def huge(folder: Path) -> Path:
    with (folder / "huge.png").open("wb") as stream:
        stream.truncate(64_000_001)
    return folder / "huge.png"


def loop(folder: Path) -> Path:
    (folder / "loop.png").symlink_to(folder / "loop.png")
    return folder / "loop.png"


PLACES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "nowhere": (lambda folder: folder / "nowhere.png", "no such file"),
    "a pattern that nothing matches": (lambda folder: folder / "*.png", "no such file"),
    "folder": (lambda folder: folder, "is a folder without PNG, JPEG or WebP files"),
    "pipe": (fifo, "is not a plain file: copy it to one"),
    "huge": (huge, "has 64,000,001 bytes, more than 64,000,000: save it smaller"),
    "a link to itself": (loop, "cannot be read: Too many levels of symbolic links"),
}


@pytest.mark.parametrize(("make", "message"), PLACES.values(), ids=PLACES.keys())
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX")
def test_places_without_a_picture_are_one_line_and_exit_code_2(
    make: Callable[[Path], Path], message: str, cli: Cli, tmp_path: Path
) -> None:
    path = make(tmp_path)
    one_line_and_2(cli("predict", NETWORK, path), f"{path}: {message}\n")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_said(cli: Cli, folder: Path) -> None:
    (folder / "notes.txt").unlink()
    (folder / "closed").mkdir(0)
    (folder / "seven.png").chmod(0)
    outcome = cli("predict", NETWORK, folder)
    assert (outcome.code, outcome.err) == (
        1,
        f"tinymnist: {folder}/closed: cannot be read: Permission denied\n"
        f"tinymnist: {folder}/seven.png: cannot be read: Permission denied\n",
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures, and what is none."""
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for name in ("seven.png", "deep/b.JPG", "deep/er/c.jpeg"):
        Image.fromarray(seven()).save(tmp_path / name)
    for name in ("notes.txt", "deep/._b.JPG"):
        (tmp_path / name).write_text("nothing")
    return tmp_path


def test_one_line_per_file_in_columns(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    head, *lines = cli("predict", NETWORK, "seven.png", "deep/er/c.jpeg").out.splitlines()
    assert head == "file            digit  top three"
    row = r"      7  7 [ \d]{3}\.\d %   \d [ \d]{3}\.\d %   \d [ \d]{3}\.\d %"
    assert re.fullmatch(f"seven.png     {row}\ndeep/er/c.jpeg{row}", "\n".join(lines))


def test_json_says_what_python_does(cli: Cli, folder: Path) -> None:
    content = json.loads(cli("predict", NETWORK, folder / "seven.png", "--json").out)
    (expected,) = tinymnist.predict(NETWORK, [folder / "seven.png"])
    assert (content["name"], content["parameters"]) == (NETWORK, 996)
    assert content["files"] == [
        {
            "file": str(folder / "seven.png"),
            "class_name": "7",
            "digit": 7,
            "probability": max(expected.probabilities),
            "top": [
                {"class_name": str(digit), "digit": digit, "probability": expected.probabilities[digit]}
                for digit in expected.top(3)
            ],
            "probabilities": list(expected.probabilities),
        }
    ]
    assert sorted(expected.probabilities)[-3:][::-1] == [expected.probabilities[digit] for digit in expected.top(3)]


def test_a_bad_file_is_reported_and_the_others_are_read(cli: Cli, folder: Path) -> None:
    (folder / "aaa.png").write_text("no picture")
    (folder / "notes.txt").unlink()
    outcome = cli("predict", NETWORK, folder)
    error = f"{folder}/aaa.png: is not a PNG, JPEG or WebP picture, or its first bytes are damaged"
    assert (outcome.code, outcome.err, len(outcome.out.splitlines())) == (1, f"tinymnist: {error}\n", 1 + 3)
    outcome = cli("predict", NETWORK, folder, "--json")
    files = json.loads(outcome.out)["files"]
    assert (outcome.code, files[0]) == (1, {"file": f"{folder}/aaa.png", "error": {"kind": "image", "message": error}})
    assert [each["digit"] for each in files[1:]] == [7, 7, 7]


def test_with_json_no_usable_file_is_one_object_too(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("predict", NETWORK, tmp_path, tmp_path / "x.png", "--json")
    assert (outcome.code, outcome.err.count("\n")) == (2, 2)
    assert [each["error"]["kind"] for each in json.loads(outcome.out)["files"]] == ["image", "image"]


def files(cli: Cli, *images: object) -> list[str]:
    return [each["file"] for each in json.loads(cli("predict", NETWORK, *images, "--json").out)["files"]]


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (["."], ["deep/b.JPG", "deep/er/c.jpeg", "seven.png"]),
        (["deep"], ["deep/b.JPG", "deep/er/c.jpeg"]),
        (["*.png", "d*"], ["seven.png", "deep/b.JPG", "deep/er/c.jpeg"]),
        (["**/*.jp*g"], ["deep/er/c.jpeg"]),
        (["seven.png", "deep/../seven.png", "link.png", "."], ["seven.png", "deep/b.JPG", "deep/er/c.jpeg"]),
        (["notes.txt"], ["notes.txt"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_folders_and_patterns_are_sorted_and_each_file_is_read_once(
    images: list[str], expected: list[str], cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    if "link.png" in images:
        Path("link.png").symlink_to("seven.png")
    assert [os.path.normpath(file) for file in files(cli, *images)] == expected


def test_a_file_whose_name_is_a_pattern_is_itself(cli: Cli, folder: Path) -> None:
    shutil.copyfile(folder / "seven.png", folder / "[ab].png")
    shutil.copyfile(folder / "seven.png", folder / "a.png")
    assert files(cli, folder / "[ab].png") == [f"{folder}/[ab].png"]


def test_control_characters_in_names_never_reach_the_terminal(cli: Cli, folder: Path) -> None:
    name = "\x1b[31m\n\u202e\x9b.png"
    shutil.copyfile(folder / "seven.png", folder / name)
    (folder / f"bad{name}").touch()
    outcome = cli("predict", NETWORK, folder / name, folder / f"bad{name}", "--show")
    assert (outcome.code, len(outcome.out.splitlines()), outcome.err.count("\n")) == (1, 1 + 1 + 14, 1)
    assert f"{folder}/\\x1b[31m\\n\\u202e\\x9b.png  " in outcome.out
    assert f"{folder}/bad\\x1b[31m\\n\\u202e\\x9b.png: is empty" in outcome.err


def test_show_draws_what_the_network_saw(cli: Cli, folder: Path) -> None:
    drawing = cli("predict", NETWORK, folder / "seven.png", "--show").out.splitlines()[2:]
    (found,) = tinymnist.predict(NETWORK, [folder / "seven.png"])
    cells = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}
    drawn = np.array([[cells[cell] for cell in line.ljust(28)] for line in drawing])
    assert np.array_equal(drawn.transpose(0, 2, 1).reshape(28, 28), found.picture >= 96)


def test_show_is_plain_where_the_terminal_has_no_blocks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii", write_through=True))
    assert run(["predict", NETWORK, str(folder / "seven.png"), "--show"]) == 0
    _, _, *drawing = written.getvalue().decode("ascii").splitlines()
    assert len(drawing) == 14
    assert set("".join(drawing)) <= set(" .:-=+*#%@")
    assert "##" in "".join(drawing)


def test_json_with_show_holds_what_the_network_saw(cli: Cli, folder: Path) -> None:
    (file,) = json.loads(cli("predict", NETWORK, folder / "seven.png", "--json", "--show").out)["files"]
    (found,) = tinymnist.predict(NETWORK, [folder / "seven.png"])
    assert file["picture"] == found.picture.tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([NETWORK], "Missing argument 'IMAGE...'. (see tinymnist predict --help)"),
        (["tiny31", "x.png"], "tiny31: no such run directory"),
        (["mini697", "x.png"], "mini697: comes without a trained network"),
        (
            [NETWORK, "x.png", "--device", "gpu"],
            "Invalid value for '--device': 'gpu' is not one of 'auto', 'cpu', 'cuda', 'mps'.",
        ),
    ],
    ids=["no image", "no run", "no network", "device"],
)
def test_wrong_usage_is_one_line_and_exit_code_2(cli: Cli, arguments: list[str], message: str) -> None:
    one_line_and_2(cli("predict", *arguments), message)
    assert json.loads(cli("predict", *arguments, "--json").out)["error"]["message"].startswith(message)


def test_a_series_is_not_asked_as_a_whole(cli: Cli, small_run: Path, tmp_path: Path) -> None:
    shutil.copytree(small_run, tmp_path / "series")
    record = {"seeds": [7, 8], "dataset": "mnist-5k", "validation": 0, "checksums": {}, "teachers": {}}
    (tmp_path / "series" / "series.json").write_text(json.dumps({**record, "device": "cpu", "threads": None}))
    message = f"{tmp_path}/series: is a series of 2 seeds: name one of them, such as {tmp_path}/series/seed-7\n"
    one_line_and_2(cli("predict", tmp_path / "series", "x.png"), message)


def test_a_run_directory_is_asked(cli: Cli, small_run: Path, folder: Path) -> None:
    outcome = cli("predict", small_run, folder / "seven.png", "--json")
    assert (outcome.code, json.loads(outcome.out)["name"]) == (0, "tiny3130")


def test_an_unfinished_run_says_how_to_resume_it(cli: Cli, small_run: Path, tmp_path: Path) -> None:
    shutil.copytree(small_run, tmp_path / "run")
    (tmp_path / "run" / "result.json").unlink()
    one_line_and_2(cli("predict", tmp_path / "run", "x.png"), f"{tmp_path}/run: not finished: resume it with ")


def test_a_network_that_was_trained_on_clothes_is_refused(cli: Cli, small_run: Path, tmp_path: Path) -> None:
    shutil.copytree(small_run, tmp_path / "run")
    environment = json.loads((tmp_path / "run" / "environment.json").read_text())
    (tmp_path / "run" / "environment.json").write_text(json.dumps({**environment, "dataset": "fashion-mnist"}))
    message = f"{tmp_path}/run: was trained on fashion-mnist, which has no digits: name another run\n"
    one_line_and_2(cli("predict", tmp_path / "run", "x.png"), message)


@pytest.mark.parametrize(
    ("setting", "error", "message"),
    [
        (
            "input={channels: 1, height: 32, width: 32}",
            RunError,
            "takes 1x32x32: pictures prepared as MNIST's are 1x28x28: train it with `data: {prepare: resize}`",
        ),
        (
            "classes=5",
            DataError,
            "damaged (it names 10 classes, its network has 5): copy the run again",
        ),
    ],
    ids=["32x32", "5 classes"],
)
def test_a_network_of_another_shape_than_its_data_is_refused(
    setting: str, error: type[TinyMnistError], message: str, small_run: Path
) -> None:
    trained = tinymnist.load_run(small_run)
    overrides = [setting, "checks={}"]
    other = RunDirectory(trained.path, tinymnist.load_spec(ARCHS / "tiny3130.yaml", overrides), trained.environment)
    with pytest.raises(error, match=re.escape(f"{trained.path}: {message}")):
        tinymnist.predict(other, ["x.png"])


def test_from_python_a_bad_file_is_raised_or_stays_in_its_place(folder: Path) -> None:
    images = [folder / "seven.png", folder / "none.png"]
    with pytest.raises(ImageError, match=re.escape(f"{folder}/none.png: no such file")):
        tinymnist.predict(NETWORK, images)
    first, second = predict_each(NETWORK, images)
    assert (first.file, isinstance(first, Unusable), isinstance(second, Unusable)) == (str(images[0]), False, True)


def test_more_files_than_a_batch_keep_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = mnist(20)
    for index, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{index:02}.png")
    monkeypatch.setattr("tinymnist.training.score.BATCH_SIZE", 7)
    assert [each.digit for each in tinymnist.predict(NETWORK, [tmp_path])] == labels


def test_mnists_own_pictures_stay_as_they_are() -> None:
    images, _ = mnist(100)
    prepared = np.stack([prepare(image.astype(np.float32)) for image in images])
    same = (prepared == images).all((1, 2))
    near = np.abs(prepared.astype(int) - images).max((1, 2)) <= 3  # where their blackest pixel is not full ink
    assert (same.mean() >= 0.8, near.mean() >= 0.9) == (True, True)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 99), st.booleans(), st.data())
def test_place_and_polarity_of_a_digit_make_no_difference(index: int, dark: bool, data: st.DataObject) -> None:
    image = mnist(100)[0][index]
    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    down, across = (data.draw(st.integers(1 - int(each[0]), 26 - int(each[-1]))) for each in (rows, columns))
    moved = np.roll(image, (down, across), (0, 1))  # by as much as leaves a frame of bare ground
    assert not np.concatenate([moved[[0, -1]].ravel(), moved[:, [0, -1]].ravel()]).any()
    moved = 255 - moved if dark else moved
    assert np.array_equal(prepare(moved.astype(np.float32)), prepare(image.astype(np.float32)))


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(20, 180), st.integers(20, 180)), min_size=2, max_size=6),
    st.integers(2, 24),
    st.integers(30, 200),
    st.integers(40, 200),
)
def test_ink_fills_20_pixels_and_its_mass_is_in_the_middle(
    points: list[tuple[int, int]], pen: int, ground: int, contrast: int
) -> None:
    image = np.full((200, 200), ground, np.float32)
    ink = ground + contrast if ground + contrast <= 255 else max(0, ground - contrast)
    cv2.polylines(image, [np.array(points, np.int32)[:, None]], False, ink, pen)
    picture = prepare(image)
    rows, columns = np.flatnonzero(picture.any(1)), np.flatnonzero(picture.any(0))
    assert picture.max() == 255
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    for axis, extent in ((1, rows), (0, columns)):
        centre = picture.sum(axis) @ np.arange(28) / picture.sum()
        assert abs(centre - 14) <= 0.6 or extent[0] == 0 or extent[-1] == 27


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.randoms(use_true_random=False))
def test_any_pixels_give_a_picture_or_an_error(height: int, width: int, random: Any) -> None:
    pixels = np.array([random.choice((0, 1, 128, 254, 255)) for _ in range(height * width)], np.float32)
    try:
        picture = prepare(pixels.reshape(height, width))
    except ImageError as error:
        assert str(error).startswith(NO_CHARACTER)  # noqa: PT017
        return
    assert (picture.shape, str(picture.dtype), picture.max()) == ((28, 28), "uint8", 255)


SEEDS = [
    encoded(seven()[::8, ::8]),
    encoded(seven()[::8, ::8], "JPEG"),
    encoded(np.asarray(strokes(255 - seven(), 0).resize((25, 25)))),
]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=4),
    st.integers(0, 400),
)
def test_damaged_files_give_grey_levels_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, flips: list[tuple[int, int]], cut: int
) -> None:
    damaged = bytearray(content)
    for place, byte in flips:
        damaged[place % len(damaged)] = byte
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(bytes(damaged[: len(damaged) - cut]))
    with suppress(ImageError):
        grey = read_grey(path)
        assert (grey.ndim, str(grey.dtype), grey.min() >= 0, grey.max() <= 255) == (2, "float32", True, True)


def photographed(image: Pixels, shift: int) -> Pixels:
    """Larger, dark on paper in uneven light, with a shadow, noise and a speck."""
    large = cv2.resize(image, (112, 112), interpolation=cv2.INTER_CUBIC) / 255
    light = np.tile(np.linspace(150, 230, 112), (112, 1))
    light[:, : 30 + shift] *= 0.6
    grey = light * (1 - 0.7 * large) + np.random.default_rng(shift).normal(0, 4, large.shape)
    grey[5:8, 5:8] = 30
    return np.asarray(grey.clip(0, 255), dtype=np.uint8)


def test_photographs_in_uneven_light_are_read_nearly_as_well(tmp_path: Path) -> None:
    images, labels = mnist(100)
    for index, image in enumerate(images):
        Image.fromarray(photographed(image, index % 50)).save(tmp_path / f"{index:03}.jpg")
    found = tinymnist.predict(NETWORK, [tmp_path])
    assert sum(each.digit == label for each, label in zip(found, labels, strict=True)) >= 97
