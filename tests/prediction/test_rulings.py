"""What belongs to the paper is not read: rulings, squares, margins and frames."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tinymnist
from tests.support.digits import Pixels, mnist_5k, on_paper, with_lines
from tinymnist.prediction import prepare
from tinymnist.prediction.rulings import without_rulings

NETWORK = "smooth3092"
SIDE = 192
ACROSS = [(0, 0.1 + 0.2 * place, 1, 0.1 + 0.2 * place) for place in range(5)]
DOWN = [(y, x, y2, x2) for x, y, x2, y2 in ACROSS]
TILTED = [(0, y, 1, y2 + 0.05) for _, y, _, y2 in ACROSS]
FRAME = [(0.06, 0.06, 0.94, 0.06), (0.06, 0.94, 0.94, 0.94), (0.06, 0.06, 0.06, 0.94), (0.94, 0.06, 0.94, 0.94)]

PAPERS = {
    "a dark line below": ([(0, 0.9, 1, 0.9)], 0, 3, 20),
    "a margin": ([(0.1, 0, 0.1, 1)], 60, 3, 20),
    "ruled": (ACROSS, 60, 3, 19),
    "ruled in pale blue": (ACROSS, 200, 2, 19),
    "ruled, turned by 3 degrees": (TILTED, 100, 2, 19),
    "squared": (ACROSS + DOWN, 60, 2, 18),
    "framed": (FRAME, 40, 3, 20),
    "framed along the sides": ([(0, 0, 1, 0), (0, 1, 1, 1), (0, 0, 0, 1), (1, 0, 1, 1)], 0, 5, 20),
}


@pytest.mark.parametrize(("lines", "level", "thick", "least"), PAPERS.values(), ids=PAPERS.keys())
def test_digits_are_read_on_paper_with_lines(
    lines: list[tuple[float, float, float, float]], level: int, thick: int, least: int, tmp_path: Path
) -> None:
    pages, labels = on_paper(20)
    for index, page in enumerate(pages):
        Image.fromarray(with_lines(page, lines, level, thick)).save(tmp_path / f"{index:02}.png")
    found = tinymnist.predict(NETWORK, [tmp_path])
    assert sum(each.digit == label for each, label in zip(found, labels, strict=True)) >= least


def levels(page: Pixels) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return (255 - page).astype(np.float32)


def test_a_stroke_that_crosses_a_line_stays_whole() -> None:
    page = np.full((200, 200), 255, np.uint8)
    page[40:160, 90:110] = 0
    ruled = page.copy()
    ruled[98:101] = 60
    ruled[98:101, 90:110] = 0
    assert np.array_equal(without_rulings(levels(ruled), 0), levels(page))


def test_a_line_alone_and_strokes_cut_out_tightly_stay() -> None:
    line, seven = np.zeros((2, 200, 200), np.float32)
    line[100:103] = 255
    seven[:5] = seven[:, 196:] = 255  # its bar from side to side, its stem down to the lower one
    assert np.array_equal(without_rulings(line, 0), line)
    assert np.array_equal(without_rulings(seven, 0), seven)


def test_a_zero_is_not_a_frame_around_a_speck() -> None:
    zero = np.zeros((200, 200), np.float32)
    zero[30:170, 60:140] = 255
    zero[50:150, 80:120] = 0
    zero[100:102, 100:102] = 255
    assert np.array_equal(without_rulings(zero, 0), zero)


def test_mnists_own_pictures_have_no_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = [255.0 - page.astype(np.float32) for page in on_paper(50, 100, 0)[0]]
    pages += [*mnist_5k()[0][::50].astype(np.float32)]
    prepared = [prepare(page) for page in pages]
    monkeypatch.setattr("tinymnist.prediction.ink.without_rulings", lambda levels, _: levels)
    assert all(np.array_equal(prepare(page), picture) for page, picture in zip(pages, prepared, strict=True))
