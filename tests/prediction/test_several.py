"""`predict --many`: several digits in one picture, each with its box."""

import json
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import tinymnist
from tests.support.command_line import Cli
from tests.support.digits import Pixels, on_paper, with_lines
from tinymnist.prediction import Box, Unusable, predict_each

NETWORK = "smooth3092"


def row(count: int = 6) -> tuple[Pixels, list[int]]:
    """Digits side by side on one page of 160 x 712 pixels."""
    pages, labels = on_paper(count, margin=0)
    return np.pad(np.concatenate(pages, 1), ((20, 28), (20, 20)), constant_values=255), labels


@pytest.mark.parametrize("ruled", [False, True], ids=["plain", "a line below"])
def test_digits_are_read_from_left_to_right(ruled: bool, tmp_path: Path) -> None:
    page, labels = row()
    Image.fromarray(with_lines(page, [(0, 0.93, 1, 0.93)], 0, 3) if ruled else page).save(tmp_path / "row.png")
    found = tinymnist.predict(NETWORK, [tmp_path / "row.png"], many=True)
    assert [each.digit for each in found] == labels
    for place, each in enumerate(found):
        assert each.box is not None
        start = 20 + 112 * place
        rows, columns = np.nonzero(page[:, start : start + 112] < 200)
        expected = (start + columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)
        box = (each.box.x, each.box.y, each.box.width, each.box.height)
        assert np.abs(np.subtract(box, expected)).max() <= 4


@pytest.mark.parametrize("light_ink", [False, True], ids=["dark", "light"])
def test_a_photograph_in_uneven_light_is_read_too(light_ink: bool, tmp_path: Path) -> None:
    page, labels = row()
    large = cv2.resize(page, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    large = 255 - np.pad(large, 200, constant_values=255) / 255 * 180
    light = np.linspace(0.5, 1, large.shape[1])
    grey = (large if light_ink else 330 - large) * light + np.random.default_rng(0).normal(0, 4, large.shape)
    Image.fromarray(np.asarray(grey.clip(0, 255), dtype=np.uint8)).save(tmp_path / "row.jpg")
    assert [each.digit for each in tinymnist.predict(NETWORK, [tmp_path / "row.jpg"], many=True)] == labels


@pytest.mark.parametrize(("kind", "size"), [("png", 3), ("jpg", 6)])
def test_boxes_are_in_pixels_of_the_file_however_large(kind: str, size: int, tmp_path: Path) -> None:
    page, labels = row(3)
    large = cv2.resize(page, None, fx=size, fy=size, interpolation=cv2.INTER_CUBIC)
    large = np.pad(large, ((0, 4000 - len(large)), (0, 0)), constant_values=255)
    Image.fromarray(page).save(tmp_path / "small.png")
    Image.fromarray(large).save(tmp_path / f"large.{kind}")
    boxes = [
        [(each.box.x, each.box.y, each.box.width, each.box.height) for each in found if each.box]
        for found in (
            tinymnist.predict(NETWORK, [tmp_path / name], many=True) for name in ("small.png", f"large.{kind}")
        )
    ]
    assert len(boxes[0]) == len(labels)
    assert np.abs(np.array(boxes[1]) / size - np.array(boxes[0])).max() <= 4


def test_strokes_above_each_other_belong_to_one_digit(tmp_path: Path) -> None:
    page = np.full((200, 300), 255, np.uint8)
    page[40:50, 60:110] = 0  # the bar of a 5, which does not touch its body
    cv2.polylines(page, [np.array([(60, 60), (60, 95), (95, 95), (100, 130), (60, 150)])], False, 0, 10)
    page[40:150, 200:210] = 0
    Image.fromarray(page).save(tmp_path / "51.png")
    found = tinymnist.predict(NETWORK, [tmp_path / "51.png"], many=True)
    assert [each.digit for each in found] == [5, 1]


def test_text_and_json_show_the_boxes(cli: Cli, tmp_path: Path) -> None:
    page, labels = row(2)
    Image.fromarray(page).save(tmp_path / "row.png")
    (tmp_path / "bad.png").write_text("no picture")
    head, *lines = cli("predict", NETWORK, tmp_path / "row.png", "--many").out.splitlines()
    assert head.split() == ["file", "digit", "x", "y", "width", "height", "top", "three"]
    outcome = cli("predict", NETWORK, tmp_path, "--many", "--json")
    bad, *files = json.loads(outcome.out)["files"]
    assert (outcome.code, bad["error"]["kind"], [each["digit"] for each in files]) == (1, "image", labels)
    assert [line.split()[1:6] for line in lines] == [
        [str(number) for number in (each["digit"], *each["box"].values())] for each in files
    ]
    assert list(files[0]["box"]) == ["x", "y", "width", "height"]


def stripes() -> Pixels:
    """Level and nearly level lines, as many as there is room for."""
    page = np.full((1120, 1120), 255, np.uint8)
    for y in range(0, 1120, 4):
        cv2.line(page, (0, y), (1119, y + y % 40), 0, 1)
    return page


def dots() -> Pixels:
    page = np.full((1120, 1120), 255, np.uint8)
    page[1:-1:3, 1:-1:3] = 0
    return page


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("page", [stripes(), dots()], ids=["stripes", "dots"])
def test_pictures_full_of_lines_or_dots_end_soon(page: Pixels, many: bool, tmp_path: Path) -> None:
    Image.fromarray(page).save(tmp_path / "full.png")
    start = time.process_time()
    (first, *_) = predict_each(NETWORK, [tmp_path / "full.png"], many=many)
    assert time.process_time() - start < 10
    if many and isinstance(first, Unusable):
        assert "more than 1,000 pieces of ink: expects one line of characters" in str(first.error)


def test_without_many_there_is_no_box(cli: Cli, tmp_path: Path) -> None:
    Image.fromarray(on_paper(1)[0][0]).save(tmp_path / "one.png")
    (file,) = json.loads(cli("predict", NETWORK, tmp_path / "one.png", "--json").out)["files"]
    assert "box" not in file
    (found,) = tinymnist.predict(NETWORK, [tmp_path / "one.png"], many=True)
    assert isinstance(found.box, Box)
