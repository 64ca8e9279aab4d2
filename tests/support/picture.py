"""Takes the documentation's picture of an exported page, with a digit drawn on it.

tinymnist export smooth3092 --format html --output page
python -m tests.support.picture page/index.html docs/page.png
"""

import sys
from pathlib import Path

from tests.support.browser import browser_page, find_browser
from tests.support.strokes import DIGITS, on_pad

WIDTH, HEIGHT = 1200, 800


def main(page_file: Path, picture_file: Path) -> None:
    program = find_browser()
    assert program, "no Chromium or Chrome is installed"
    with browser_page(program) as page:
        page.resize(WIDTH, HEIGHT)
        page.open(page_file)
        for stroke in DIGITS[3]:
            page.drag(on_pad(page, stroke))
        page.settle()
        picture_file.write_bytes(page.picture())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
