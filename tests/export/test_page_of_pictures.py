"""The page of a network of pictures: they are fitted as those of the training were, and classes have their names."""

import base64
import json
import re
import shutil
import subprocess
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from tests.support.browser import Page
from tests.support.command_line import Cli
from tests.support.image_sets import png
from tests.support.spots import NAMES, trained_on_shapes
from tinymnist.data.pictures import decode
from tinymnist.data.resizing import fitted
from tinymnist.export.page.html import MOST_EXAMPLES, source
from tinymnist.export.page.words import class_words
from tinymnist.model.pixels import normalized
from tinymnist.training import Run

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")

HEIGHT, WIDTH = 20, 24
"""The size of the pictures that the network of colours takes."""


# ---- fitting, in node


def in_node(expression: str) -> Any:
    assert NODE is not None
    script = f"{source('fitting.js')}\nconsole.log(JSON.stringify({expression}))"
    return json.loads(subprocess.run([NODE, "-"], input=script, capture_output=True, text=True, check=True).stdout)


def fitted_in_node(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Does what `resizing.fitted` does."""
    planes = np.atleast_3d(pixels).transpose(2, 0, 1)
    given = ", ".join(f"Uint8Array.from({plane.ravel().tolist()})" for plane in planes)
    rows, columns = pixels.shape[:2]
    found = in_node(f"Array.from(fitted([{given}], {rows}, {columns}, {height}, {width}))")
    by_plane = np.array(found, np.uint8).reshape(len(planes), height, width)
    result: NDArray[np.uint8] = by_plane.transpose(1, 2, 0).reshape(height, width, *pixels.shape[2:])
    return result


@needs_node
@pytest.mark.parametrize(
    ("source_size", "target_size"),
    [
        ((20, 24), (20, 24)),
        ((97, 61), (28, 28)),
        ((13, 200), (20, 24)),
        ((200, 3), (20, 24)),
        ((5, 7), (96, 96)),
        ((1, 1), (3, 2)),
        ((5, 10), (5, 5)),
        ((7, 10), (7, 5)),
        ((150, 150), (64, 64)),
        ((301, 1), (10, 10)),
    ],
    ids=str,
)
@pytest.mark.parametrize("channels", [(), (3,)], ids=["grey", "colour"])
def test_a_picture_becomes_the_same_pixels_as_in_training(
    source_size: tuple[int, int], target_size: tuple[int, int], channels: tuple[int, ...]
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*source_size, *channels), np.uint8)
    np.testing.assert_array_equal(fitted_in_node(pixels, *target_size), fitted(pixels, *target_size))


@needs_node
def test_a_colour_becomes_the_grey_that_pillow_makes_of_it() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (1, 500, 3), np.uint8)
    with_alpha = np.concatenate([colours, np.full((1, 500, 1), 255, np.uint8)], 2).ravel().tolist()
    found = in_node(f"Array.from(planesOf(Uint8Array.from({with_alpha}), 1)[0])")
    assert found == np.asarray(Image.fromarray(colours).convert("L")).ravel().tolist()


# ---- the file


def html_of(cli: Cli, run: Run, folder: Path) -> str:
    outcome = cli("export", run.path, "--format", "html", "--output", folder)
    assert outcome.code == 0, outcome.err
    return (folder / "index.html").read_text(encoding="utf-8")


MOST = "a cat, a dog, a bird, a very long name, another of them … (6 classes)"


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("cat", "dog"), "cat or dog"),
        (tuple("0123456789"), "0, 1, 2, 3, 4, 5, 6, 7, 8 or 9"),
        (("a cat", "a dog", "a bird", "a very long name", "another of them", "a name beyond"), MOST),
        (("x" * 80, "y"), "one of 2 classes"),
    ],
    ids=["two", "ten", "many", "long"],
)  # fmt: skip
def test_classes_are_named_as_far_as_there_is_room(names: tuple[str, ...], words: str) -> None:
    assert class_words(names) == words


def test_a_page_of_colours_names_its_classes_and_takes_picture_files(cli: Cli, colours: Run, tmp_path: Path) -> None:
    text = html_of(cli, colours, tmp_path / "page")
    assert 'aria-label="Example: gr&lt;b&gt;ün &amp; rot"' in text
    assert "It may show Würfel, a &#34;ring&#34;, back\\slash??= or gr&lt;b&gt;ün &amp; rot." in text
    assert '<input type="file" id="file" accept="image/*" hidden>' in text
    assert "prepare(strokes" not in text
    assert re.findall(r"""(?:src|href)=["'](?!data:)[^"']*|url\(|@import|\bimport\b""", text) == []


def test_a_page_does_not_tell_where_its_data_lay(cli: Cli, colours: Run, tmp_path: Path) -> None:
    text = html_of(cli, colours, tmp_path / "page")
    assert "trained on shapes for 3 epochs" in text
    assert str(Path(colours.environment.dataset).parent) not in text


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A network of 47 classes with long names, on grey pictures."""
    names = [f"the {number}th of many letters" for number in range(47)]
    return trained_on_shapes(tmp_path_factory.mktemp("letters"), names, 1, 28, 28)


def test_of_many_classes_some_examples_are_shown(cli: Cli, letters: Run, tmp_path: Path) -> None:
    text = html_of(cli, letters, tmp_path / "page")
    (examples,) = re.findall(r'<script type="application/json" id="examples">(.*?)</script>', text)
    labels = [example["label"] for example in json.loads(examples)]
    assert (len(labels), labels[:3], labels[-1]) == (MOST_EXAMPLES, [0, 2, 4], 44)


# ---- in a browser


@pytest.fixture
def page(browser: Page, cli: Cli, colours: Run, tmp_path: Path) -> Page:
    html_of(cli, colours, tmp_path / "page")
    browser.resize(1280, 860)
    browser.open(tmp_path / "page" / "index.html")
    browser.evaluate("{ const before = take; window.take = (file) => (window.showing = before(file)); }")
    return browser


def choose(page: Page, path: Path) -> None:
    document = page.call("DOM.getDocument")["root"]["nodeId"]
    node = page.call("DOM.querySelector", nodeId=document, selector="#file")["nodeId"]
    page.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])
    settle(page)


def bring(page: Page, event: str, carrier: str, content: bytes) -> None:
    """Drops a file onto the page, or pastes it."""
    page.evaluate(
        f"""{{
        const bytes = Uint8Array.from(atob("{base64.b64encode(content).decode()}"), (each) => each.charCodeAt(0));
        const {carrier} = new DataTransfer();
        {carrier}.items.add(new File([bytes], "picture.png", {{ type: "image/png" }}));
        document.body.dispatchEvent(new {event}({{ {carrier}, bubbles: true, cancelable: true }}));
        }}"""
    )
    settle(page)


def settle(page: Page) -> None:
    """Waits until a picture has been decoded and shown."""
    page.evaluate(
        """(async () => {
        while (!window.showing) await new Promise((done) => setTimeout(done, 10));
        await window.showing;
        window.showing = null;
        })()"""
    )
    page.settle()


def text_of(page: Page, name: str) -> str:
    return str(page.evaluate(f"document.getElementById('{name}').textContent"))


def seen(page: Page) -> NDArray[np.uint8]:
    """The pixels (H, W, 3) that the network sees, as they are shown."""
    levels = page.evaluate(
        "(c => [c.height, c.width, ...c.getContext('2d').getImageData(0, 0, c.width, c.height).data])"
        "(document.getElementById('seen'))"
    )
    return np.array(levels[2:], np.uint8).reshape(levels[0], levels[1], 4)[..., :3]


def picture() -> NDArray[np.uint8]:
    """(150, 61, 3)"""
    return np.random.default_rng(1).integers(0, 256, (150, 61, 3), np.uint8)


def answer_of(run: Run, pixels: NDArray[np.uint8]) -> tuple[str, list[str]]:
    """The class that PyTorch answers for (H, W, 3), and the probabilities of all."""
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    with torch.inference_mode():
        outputs = run.load_model()(normalized(images, run.spec.train.normalize, torch.device("cpu")))
    probabilities = outputs.softmax(1)[0].tolist()
    return run.class_names[int(outputs.argmax())], [f"{100 * each:.1f} %" for each in probabilities]


@pytest.mark.slow
def test_a_file_that_is_chosen_is_read_as_in_training_and_answered_by_name(
    page: Page, colours: Run, tmp_path: Path
) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(png(picture()))
    choose(page, path)
    expected = decode(path.read_bytes(), (HEIGHT, WIDTH)).pixels
    np.testing.assert_array_equal(seen(page), expected)
    name, probabilities = answer_of(colours, expected)
    assert text_of(page, "answer") == name
    assert page.evaluate("[...document.querySelectorAll('.name')].map(each => each.textContent)") == sorted(NAMES)
    assert page.evaluate("[...document.querySelectorAll('.percent')].map(each => each.textContent)") == probabilities
    assert page.complaints() == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("event", "carrier"),
    [("DragEvent.bind(null, 'drop')", "dataTransfer"), ("ClipboardEvent.bind(null, 'paste')", "clipboardData")],
    ids=["dropped", "pasted"],
)
def test_a_picture_may_be_dropped_or_pasted(page: Page, event: str, carrier: str) -> None:
    bring(page, f"({event})", carrier, png(picture()))
    np.testing.assert_array_equal(seen(page), fitted(picture(), HEIGHT, WIDTH))


@pytest.mark.slow
def test_a_photograph_is_turned_and_a_transparent_picture_lies_on_white(page: Page, tmp_path: Path) -> None:
    rows, columns = np.mgrid[0:120, 0:200]
    smooth = np.stack([rows, columns, 255 - rows], 2).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = BytesIO()
    Image.fromarray(smooth).save(stream, "JPEG", quality=95, exif=exif)
    (tmp_path / "turned.jpg").write_bytes(stream.getvalue())
    clear = np.dstack([smooth, np.where(rows < 60, 0, 255).astype(np.uint8)])
    (tmp_path / "clear.png").write_bytes(png(clear))
    for name in ("turned.jpg", "clear.png"):
        choose(page, tmp_path / name)
        expected = decode((tmp_path / name).read_bytes(), (HEIGHT, WIDTH)).pixels.astype(int)
        assert np.abs(seen(page).astype(int) - expected).max() <= 3, name


@pytest.mark.slow
def test_a_file_that_is_not_a_picture_is_named_and_leaves_no_answer(page: Page, tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(png(picture()))
    choose(page, tmp_path / "picture.png")
    assert text_of(page, "answer") != "?"
    (tmp_path / "notes.txt").write_text("not a picture")
    choose(page, tmp_path / "notes.txt")
    expected = "notes.txt: not a picture that this browser can read, such as PNG, JPEG or WebP."
    assert (text_of(page, "complaint"), text_of(page, "answer")) == (expected, "?")
    choose(page, tmp_path / "picture.png")
    assert text_of(page, "complaint") == ""


@pytest.mark.slow
def test_the_keyboard_reaches_everything(page: Page) -> None:
    reached = []
    for _ in range(6):
        page.press("Tab", 9)
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.ariaLabel"))
    assert reached[:2] == ["choose", f"Example: {sorted(NAMES)[0]}"]
    page.evaluate("document.querySelector('#test-images button').focus()")
    page.press("Enter", 13, "\r")
    page.settle()
    assert text_of(page, "answer") == sorted(NAMES)[0]
    assert page.evaluate("document.activeElement.ariaPressed") == "true"


@pytest.mark.slow
def test_nothing_leaves_the_page(page: Page, tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(png(picture()))
    choose(page, tmp_path / "picture.png")
    requests = [event["request"]["url"] for event in page.of("Network.requestWillBeSent")]
    assert requests == [(tmp_path / "page" / "index.html").as_uri()]


@pytest.fixture
def page_of_many(browser: Page, cli: Cli, letters: Run, tmp_path: Path) -> Page:
    html_of(cli, letters, tmp_path / "page")
    browser.resize(1280, 860)
    browser.open(tmp_path / "page" / "index.html")
    browser.evaluate("document.querySelector('#test-images button').click()")
    browser.settle()
    return browser


@pytest.mark.slow
def test_of_many_classes_the_ten_most_probable_are_shown(page_of_many: Page, letters: Run) -> None:
    probabilities = page_of_many.evaluate("Array.from(softmax(compute(network, EXAMPLES[0].picture).at(-1)))")
    best = np.argsort(-np.array(probabilities), kind="stable")[:10]
    shown = page_of_many.evaluate("[...document.querySelectorAll('#bars .name')].map(each => each.textContent)")
    assert shown == [letters.class_names[label] for label in best]
    assert text_of(page_of_many, "answer") == shown[0]
    assert "The 10 most probable of 47 classes" in page_of_many.evaluate(
        "document.querySelector('summary').textContent"
    )


@pytest.mark.slow
@pytest.mark.parametrize("width", [320, 360, 768, 1280, 1920])
def test_many_classes_with_long_names_are_no_wider_than_the_screen(page_of_many: Page, width: int) -> None:
    page_of_many.resize(width, 740)
    page_of_many.settle()
    assert page_of_many.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.slow
def test_grey_pictures_are_shown_as_they_are_also_in_the_dark(page_of_many: Page) -> None:
    for dark in (False, True):
        page_of_many.resize(1280, 860, dark=dark)
        page_of_many.settle()
        expected = page_of_many.evaluate("Array.from(EXAMPLES[0].picture)")
        assert seen(page_of_many)[..., 1].ravel().tolist() == expected
