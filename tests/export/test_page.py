"""The page of a network: its own program against PyTorch, and the whole page in a browser without a window."""

import base64
import json
import re
import shutil
import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings

import tinymnist.cli
from tests.support.browser import Page
from tests.support.command_line import ROOT, Cli
from tests.support.exported import difference_in_node
from tests.support.models import trained
from tests.support.specs import ACTIVATIONS, specs
from tests.support.strokes import DIGITS, Stroke, on_pad
from tinymnist import Spec, load_run, load_spec
from tinymnist.data import Dataset, load_dataset
from tinymnist.export.page import verification
from tinymnist.export.page.encoding import network_json
from tinymnist.export.page.html import page as page_html
from tinymnist.export.page.html import source
from tinymnist.folded import fold
from tinymnist.model.pixels import normalized
from tinymnist.training import Run

PEN = 0.075
"""Thickness of the page's pen, in widths of the pad."""
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")


@pytest.fixture(scope="module")
def run(quick: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A network of few multiply-adds, trained for two epochs on mnist-5k."""
    output = tmp_path_factory.mktemp("runs")
    return tinymnist.train(load_spec(quick), seed=7, dataset="mnist-5k", output=output, name="quick")


# ---- the export


@needs_node
def test_a_page_is_verified_by_its_own_program(cli: Cli, run: Run, tmp_path: Path) -> None:
    outcome = cli("export", run.path, "--format", "html", "--output", tmp_path / "page", "--json")
    content = json.loads(outcome.out)
    facts = content.pop("facts")
    assert content == {
        "schema_version": 1,
        "output": str(tmp_path / "page"),
        "format": "html",
        "files": {"index.html": (tmp_path / "page" / "index.html").stat().st_size},
    }
    assert facts.pop("largest_difference") < 1e-4
    assert facts.pop("verified_by").startswith("node v")
    assert facts == {
        "name": "quick",
        "parameters": 622,
        "dataset": "mnist-5k",
        "n": 1000,
        "accuracy": run.result.accuracy,
    }


def test_without_node_it_says_what_was_not_run(
    cli: Cli, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    outcome = cli("export", run.path, "--format", "html", "--output", tmp_path / "page")
    pattern = (
        r"quick, 622 parameters, as a web page\n"
        r"the folded network \(the page's own program was not run: node is not installed\), on the 1,000 test images "
        r"of mnist-5k: accuracy \d\d\.\d\d %, largest difference from PyTorch's outputs \d\.\de-0\d\n"
        r".*/page/index\.html  \d\d,\d{3} bytes\n"
    )
    assert re.fullmatch(pattern, outcome.out), outcome.out


@needs_node
def test_a_page_that_computes_otherwise_is_not_written(
    cli: Cli, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(name: str) -> str:
        text = source(name)
        return text.replace("factor * sums[place]", "factor * sums[place] * 1.001")

    monkeypatch.setattr(verification, "source", wrong)
    outcome = cli("export", run.path, "--format", "html", "--output", tmp_path / "page")
    assert (outcome.code, outcome.out, list(tmp_path.iterdir())) == (1, "", [])
    assert "the page would not compute what the network does: by node v" in outcome.err


def test_a_node_that_cannot_run_it_is_named(
    cli: Cli, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = tmp_path / "node"
    node.write_text("#!/bin/sh\necho 'SyntaxError: Unexpected token' >&2\nexit 1\n")
    node.chmod(node.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    outcome = cli("export", run.path, "--format", "html", "--output", tmp_path / "page")
    assert (outcome.code, outcome.err) == (
        1,
        f"tinymnist: {node}: cannot run the page's program (SyntaxError: Unexpected token): install a newer node\n",
    )


def test_a_network_trained_on_mnist_is_not_verified_on_mnist_5k(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("export", "smooth675", "--format", "html", "--output", tmp_path / "page", "--dataset", "mnist-5k")
    assert (outcome.code, list(tmp_path.iterdir())) == (2, [])
    assert "was trained on mnist, so it may know images of mnist-5k that are scored" in outcome.err


# ---- the file


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset("mnist-5k")


def html_of(run: Run, data: Dataset) -> str:
    network = fold(run.spec, run.load_model(), run.class_names)
    return page_html(run, network, network_json(network), data)


NASTY = "</p></script><img src=x onerror=alert(1)>\u202e $name & \"more\"\n'lines'"


def nasty(run: Run) -> Run:
    return replace(run, spec=run.spec.model_copy(update={"description": NASTY}))


def test_what_comes_from_the_run_is_escaped(run: Run, digits: Dataset) -> None:
    text = html_of(nasty(run), digits)
    begin, end = (
        "&lt;/p&gt;&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;",
        "$name &amp; &#34;more&#34; &#39;lines&#39;",
    )
    assert rf"<p>{begin}\u202e {end}</p>" in text
    assert "<img" not in text


def test_the_page_asks_for_nothing(run: Run, digits: Dataset) -> None:
    text = html_of(run, digits)
    assert re.findall(r"""(?:src|href)=["'](?!data:)[^"']*|url\(|@import|\bimport\b""", text) == []


def test_weights_that_are_shared_are_there_once() -> None:
    spec = Spec.model_validate(
        {"name": "shared", "blocks": [{"convs": [4]}, {"convs": [4], "repeat": 3, "share_weights": True}]}
    )
    steps = json.loads(network_json(fold(spec, trained(spec))))["steps"]
    assert steps[1]["weight"] == steps[2]["weight"] == steps[3]["weight"]


# ---- its program, in node


@needs_node
def test_all_activations_compute_as_in_pytorch() -> None:
    convs = [{"out_channels": 5, "activation": name} for name in ACTIVATIONS]
    spec = Spec.model_validate({"name": "all", "input": {"height": 9, "width": 7}, "blocks": [{"convs": convs}]})
    assert difference_in_node(spec) < 1e-5


@needs_node
@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(specs())
def test_any_network_computes_as_in_pytorch(spec: Spec) -> None:
    assert difference_in_node(spec) < 1e-5


def prepared(strokes: list[Stroke], pen: float = PEN, height: int = 28, width: int = 28) -> torch.Tensor:
    """The picture (height, width) that the page makes of strokes."""
    assert NODE is not None
    script = f"console.log(JSON.stringify(Array.from(prepare({json.dumps(strokes)}, {pen}, {height}, {width}))))"
    done = subprocess.run([NODE, "-"], input=source("drawing.js") + script, capture_output=True, text=True, check=True)
    return torch.tensor(json.loads(done.stdout), dtype=torch.float64).reshape(height, width)


@needs_node
@pytest.mark.parametrize("digit", DIGITS)
def test_a_drawing_becomes_a_picture_like_those_of_mnist(digit: int) -> None:
    picture = prepared(DIGITS[digit])
    inked = picture > 127
    sides = (int(inked.any(1).sum()), int(inked.any(0).sum()))
    mass = [float((picture.sum(axis) * torch.arange(28)).sum() / picture.sum()) for axis in (1, 0)]
    assert max(sides) in (19, 20, 21)
    assert mass == pytest.approx([14, 14], abs=0.1)


@needs_node
def test_where_and_how_large_one_draws_does_not_matter() -> None:
    small = [[(0.1 + 0.4 * x, 0.5 + 0.4 * y) for x, y in stroke] for stroke in DIGITS[5]]
    assert torch.equal(prepared(small, pen=0.4 * PEN), prepared(DIGITS[5], pen=PEN))


@needs_node
def test_a_thick_pen_becomes_no_thicker_than_those_of_mnist() -> None:
    assert torch.equal(prepared(DIGITS[5], pen=0.2), prepared(DIGITS[5], pen=0.3))


@needs_node
@pytest.mark.parametrize("strokes", [[], [[(0.0, 0.0)]], [[(0.3, 0.3), (0.3, 0.3)]]], ids=["none", "a dot", "a click"])
def test_next_to_nothing_is_prepared_too(strokes: list[Stroke]) -> None:
    picture = prepared(strokes)
    assert 0 <= int((picture > 127).sum()) <= 16


@needs_node
def test_other_sizes_of_picture_are_prepared_too() -> None:
    picture = prepared(DIGITS[0], height=14, width=20)
    assert int((picture > 127).any(1).sum()) in (9, 10, 11)


# ---- in a browser


@pytest.fixture(scope="module")
def smooth996(tmp_path_factory: pytest.TempPathFactory, mnist_dir: Path) -> Path:
    folder = tmp_path_factory.mktemp("pages") / "smooth996"
    assert (
        tinymnist.cli.run(
            ["export", "smooth996", "--format", "html", "--output", str(folder), "--data-dir", str(mnist_dir)]
        )
        == 0
    )
    return folder / "index.html"


@pytest.fixture
def page(browser: Page, smooth996: Path) -> Page:
    browser.resize(1280, 860)
    browser.open(smooth996)
    return browser


def answer(page: Page) -> str:
    page.settle()
    return str(page.evaluate("document.getElementById('answer').textContent"))


@pytest.mark.slow
@pytest.mark.parametrize("drawn", DIGITS)
def test_a_digit_that_is_drawn_is_read(page: Page, drawn: int) -> None:
    for stroke in DIGITS[drawn]:
        page.drag(on_pad(page, stroke))
    assert answer(page) == str(drawn)
    assert page.complaints() == []


@pytest.mark.slow
def test_a_finger_draws_on_a_phone_and_nothing_scrolls(page: Page) -> None:
    page.resize(360, 640)
    page.call("Emulation.setTouchEmulationEnabled", enabled=True)
    for stroke in DIGITS[4]:
        page.swipe(on_pad(page, stroke))
    assert (answer(page), page.evaluate("scrollY")) == ("4", 0)
    page.call("Emulation.setTouchEmulationEnabled", enabled=False)


@pytest.mark.slow
def test_the_arrow_keys_draw(page: Page) -> None:
    page.evaluate("document.getElementById('pad').focus()")
    page.press("ArrowLeft", 37)
    for _ in range(10):
        page.press("ArrowUp", 38)
    page.press(" ", 32, " ")
    for _ in range(20):
        page.press("ArrowDown", 40)
    assert answer(page) == "1"
    page.press("Backspace", 8)
    assert answer(page) == "?"


@pytest.mark.slow
def test_undo_takes_back_a_stroke_and_clear_all(page: Page) -> None:
    for stroke in DIGITS[4]:
        page.drag(on_pad(page, stroke))
    assert (answer(page), page.evaluate("strokes.length")) == ("4", 2)
    both = page.picture()
    page.evaluate("document.getElementById('undo').click()")
    page.settle()
    assert page.evaluate("strokes.length") == 1
    assert page.picture() != both
    page.evaluate("document.getElementById('clear').click()")
    assert (answer(page), page.evaluate("document.getElementById('clear').disabled")) == ("?", True)


@pytest.mark.slow
def test_an_example_is_read_as_pytorch_reads_it_and_told(page: Page, mnist_dir: Path) -> None:
    test = load_dataset("mnist", mnist_dir).test
    index = test.labels.tolist().index(8)
    run = load_run("smooth996")
    with torch.inference_mode():
        outputs = run.load_model()(
            normalized(test.images[index : index + 1], run.spec.train.normalize, torch.device("cpu"))
        )
    page.evaluate("document.querySelectorAll('#test-images button')[8].click()")
    assert answer(page) == "8"
    shown = page.evaluate("[...document.querySelectorAll('.percent')].map(each => each.textContent)")
    assert shown == [f"{100 * probability:.1f} %" for probability in outputs.softmax(1)[0].tolist()]
    page.evaluate("new Promise(done => setTimeout(done, 1000))")
    told = f"8, {100 * float(outputs.softmax(1)[0, 8]):.0f} percent"
    assert page.evaluate("document.getElementById('announcement').textContent") == told


@pytest.mark.slow
def test_outputs_in_the_browser_are_pytorchs_on_100_test_images(page: Page, mnist_dir: Path) -> None:
    images = load_dataset("mnist", mnist_dir).test.images[:100]
    encoded = [base64.b64encode(image.numpy().tobytes()).decode() for image in images]
    run = load_run("smooth996")
    with torch.inference_mode():
        expected = run.load_model()(normalized(images, run.spec.train.normalize, torch.device("cpu")))
    found = page.evaluate(f"{json.dumps(encoded)}.map(image => Array.from(compute(network, readBytes(image)).at(-1)))")
    assert float((torch.tensor(found).log_softmax(1) - expected).abs().max()) < 1e-4


@pytest.mark.slow
def test_every_feature_map_is_shown(page: Page) -> None:
    run = load_run("smooth996")
    network = fold(run.spec, run.load_model())
    sizes = page.evaluate(
        "[...document.querySelectorAll('.maps')].map(maps => [maps.children.length, maps.firstChild.height, "
        "maps.firstChild.width])"
    )
    assert sizes == [list(network.shape(value)) for value in network.blocks.values()]


@pytest.mark.slow
def test_nothing_leaves_the_page(page: Page, smooth996: Path) -> None:
    assert [event["request"]["url"] for event in page.of("Network.requestWillBeSent")] == [smooth996.as_uri()]
    refused = page.evaluate(
        "new Promise(done => { document.addEventListener('securitypolicyviolation', event => "
        "done(event.effectiveDirective)); fetch('https://example.org/').catch(() => 0); })"
    )
    assert refused == "connect-src"


@pytest.mark.slow
@pytest.mark.parametrize("width", [320, 360, 768, 1280, 1920])
def test_nothing_is_wider_than_the_screen(page: Page, width: int) -> None:
    page.resize(width, 740)
    page.settle()
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.slow
@pytest.mark.parametrize(
    ("width", "height"), [(704, 900), (768, 1024), (1000, 700), (1151, 700), (1280, 720), (1920, 1080)]
)
def test_the_answer_is_beside_the_drawing_and_needs_no_scrolling(page: Page, width: int, height: int) -> None:
    page.resize(width, height)
    page.settle()
    boxes = "['pad', 'answer', 'bars'].map(id => document.getElementById(id).getBoundingClientRect()).map(box => "
    pad, read, bars = page.evaluate(boxes + "[box.left, box.top, box.right, box.bottom])")
    assert pad[2] < min(read[0], bars[0])
    assert max(pad[3], read[3], bars[3]) <= height


@pytest.mark.slow
def test_on_a_phone_the_answer_comes_below_the_drawing(page: Page) -> None:
    page.resize(360, 640)
    page.settle()
    tops = "['pad', 'answer', 'bars', 'test-images'].map(id => document.getElementById(id).getBoundingClientRect().top)"
    assert page.evaluate(tops) == sorted(page.evaluate(tops))


@pytest.mark.slow
@pytest.mark.parametrize("sheet", ["export/page/page.css", "report/page.css"])
def test_a_browser_understands_every_declaration_of_the_style_sheets(browser: Page, sheet: str) -> None:
    text = re.sub(r"/\*.*?\*/", "", (ROOT / "tinymnist" / sheet).read_text(encoding="utf-8"), flags=re.DOTALL)
    declarations = re.findall(r"([a-z-]+):\s+([^;{}]+?)(?: !important)?;", text)
    assert len(declarations) > 50
    script = f"{json.dumps(declarations)}.filter(([name, value]) => !CSS.supports(name, value)).map(String)"
    assert browser.evaluate(script) == []


@pytest.mark.slow
def test_the_dark_colour_scheme_is_followed(page: Page) -> None:
    seen = "document.getElementById('seen').getContext('2d').getImageData(0, 0, 1, 1).data[0]"
    light = page.evaluate(seen)
    page.resize(1280, 860, dark=True)
    page.settle()
    assert (light, page.evaluate(seen) < 64) == (255, True)


@pytest.mark.slow
def test_a_description_is_only_text(browser: Page, run: Run, digits: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "index.html"
    path.write_text(html_of(nasty(run), digits), encoding="utf-8")
    browser.open(path)
    expected = NASTY.replace("\n", " ").replace("\u202e", "\\u202e")
    assert browser.evaluate("document.querySelector('header p').textContent") == expected
    assert browser.complaints() == []
