"""The report: what it shows, its pictures, the page, and how a browser shows it."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import matplotlib
import pytest
import torch
from PIL import Image

import tinymnist
from tests.support.browser import Page
from tests.support.command_line import Cli
from tests.support.trainings import StopAfter
from tinymnist.data import load_dataset
from tinymnist.errors import Interrupted
from tinymnist.model.pixels import normalized
from tinymnist.report.contents import Entry, gather
from tinymnist.report.inspection import MOST_MISTAKES, Inspection, Options
from tinymnist.report.page import page
from tinymnist.report.pictures import curves_picture, percent
from tinymnist.training.observer import EpochRow

NASTY = "<script>alert(1)</script> & \"quoted\" 'too' \u202e"
ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &#34;quoted&#34; &#39;too&#39; \\u202e"


@pytest.fixture(scope="module")
def series(quick: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seeds of `quick` on mnist-5k. Not to be changed."""
    spec = tinymnist.load_spec(quick, ["train.engine=torch"])
    output = tmp_path_factory.mktemp("series")
    return tinymnist.train_series(spec, [3, 1, 4], dataset="mnist-5k", output=output, name="trio", jobs=1).path


@pytest.fixture(scope="module")
def entry(small_run: Path) -> Entry:
    ((found,), _) = gather([small_run], Options())
    return found


@pytest.fixture(scope="module")
def nasty_run(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose files were all written by an attacker."""
    path = tmp_path_factory.mktemp("nasty") / "<b onclick=alert(1)>"
    shutil.copytree(small_run, path)
    spec = (path / "spec.yaml").read_text(encoding="utf-8")
    described = re.sub("description: .*", lambda _: f"description: {json.dumps(NASTY)}", spec)
    (path / "spec.yaml").write_text(described, encoding="utf-8")
    record = json.loads((path / "environment.json").read_text(encoding="utf-8"))
    record |= {"command": [NASTY], "versions": {NASTY: NASTY}, "system": NASTY, NASTY: NASTY, "spec_sha256": None}
    (path / "environment.json").write_text(json.dumps(record), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def page_folder(small_run: Path, series: Path, nasty_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the report of a run, a series, and a run with an attacker's texts."""
    folder = tmp_path_factory.mktemp("page")
    tinymnist.write_report([small_run, series, nasty_run], folder / "report.html")
    return folder


class Document(HTMLParser):
    """The content of a page: its tags with their attributes, and its text by tag."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.source = path.read_text(encoding="utf-8")
        self._open = [""]
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        self.texts.append((self._open[-1], data))

    def of(self, tag: str) -> list[str]:
        return [text for name, text in self.texts if name == tag]


# what is shown


def test_the_figures_are_those_of_evaluate(entry: Entry, small_run: Path) -> None:
    evaluation = tinymnist.evaluate(small_run)
    assert entry.network is not None
    assert entry.network.evaluation == evaluation
    assert (entry.network.images, entry.network.wrong) == (
        "the 1,000 test images of mnist-5k",
        1000 - evaluation.correct,
    )


def test_averages_over_classes_stand_below_the_accuracy(small_run: Path, tmp_path: Path) -> None:
    tinymnist.write_report([small_run], tmp_path / "report.html")
    evaluation, cells = tinymnist.evaluate(small_run), Document(tmp_path / "report.html").of("td")
    place = cells.index(f"{1000 - evaluation.correct} of 1,000")
    expected = [f"{evaluation.balanced_accuracy:.2f} %", f"{evaluation.macro_f1:.2f} %"]
    assert cells[place + 1 : place + 3] == expected


def test_mistakes_are_those_with_the_highest_loss_and_have_the_two_likeliest_classes(
    entry: Entry, small_run: Path
) -> None:
    assert entry.network is not None
    run, images = tinymnist.load_run(small_run), load_dataset("mnist-5k").test
    with torch.inference_mode():
        inputs = normalized(images.images, run.spec.train.normalize, torch.device("cpu"))
        probabilities = run.load_model()(inputs).softmax(1)
    wrong = torch.nonzero(probabilities.argmax(1) != images.labels).flatten()
    losses = -probabilities[wrong, images.labels[wrong]].log()
    assert [each.index for each in entry.network.mistakes] == wrong[losses.argsort(descending=True)][
        :MOST_MISTAKES
    ].tolist()
    for each in entry.network.mistakes:
        assert each.label == int(images.labels[each.index])
        assert each.image.tolist() == images.images[each.index, 0].tolist()
        (first, high), (second, low) = each.likeliest
        best = probabilities[each.index].topk(2)
        assert [first, second] == best.indices.tolist()
        assert [high, low] == pytest.approx(best.values.tolist(), abs=1e-5)


@pytest.mark.slow
def test_a_run_that_held_images_out_is_shown_by_those(cli: Cli, quick: Path, tmp_path: Path) -> None:
    spec = tinymnist.load_spec(quick, ["train.epochs=1", "train.engine=torch"])
    run = tinymnist.train(spec, seed=0, dataset="mnist-5k", validation=500, output=tmp_path, name="tuned")
    outcome = cli("report", run.path, "--output", tmp_path / "report.html", "--json")
    (shown,) = json.loads(outcome.out)["runs"]
    assert [shown["network"][key] for key in ("scored_on", "n", "accuracy")] == [
        "validation",
        500,
        pytest.approx(run.result.accuracy),
    ]
    asked = json.loads(cli("report", run.path, "--output", tmp_path / "a.html", "--dataset", "mnist-5k", "--json").out)[
        "runs"
    ][0]["network"]
    assert (asked["scored_on"], asked["n"]) == ("test", 1000)


def test_a_series_is_shown_by_its_figures_its_seeds_and_its_median_network(series: Path, tmp_path: Path) -> None:
    (entry,) = tinymnist.write_report([series], tmp_path / "report.html").entries
    result = tinymnist.open_run(series).result
    shown = Document(tmp_path / "report.html")
    median = sorted(result.accuracies)[1]  # type: ignore[union-attr]
    assert entry.network is not None
    assert entry.network.evaluation.accuracy == pytest.approx(median)
    assert entry.shown_seed == dict(zip(result.accuracies, result.seeds, strict=True))[median]  # type: ignore[union-attr]
    assert len(entry.metrics) == 3
    caption = next(text for text in shown.of("p") if text.startswith("Confusion matrix, mistakes and filters"))
    figures = entry.network.evaluation
    assert caption.endswith(
        f", balanced accuracy {figures.balanced_accuracy:.2f} %, macro F1 {figures.macro_f1:.2f} %."
    )
    assert f"{result.mean:.2f} ± {result.std:.2f} %" in shown.of("p")  # type: ignore[union-attr]
    cells = shown.of("td")
    for seed, accuracy, loss in zip(result.seeds, result.accuracies, result.losses, strict=True):  # type: ignore[union-attr]
        place = [cells[index : index + 3] for index in range(len(cells))]
        assert [str(seed), f"{accuracy:.2f} %", f"{loss:.4f}"] in place


def test_a_series_without_its_runs_shows_the_rest_and_says_so(series: Path, tmp_path: Path, cli: Cli) -> None:
    copy = tmp_path / "copied"
    shutil.copytree(series, copy, ignore=shutil.ignore_patterns("seed-*"))
    outcome = cli("report", copy, "--output", tmp_path / "report.html", "--json", "--pictures", tmp_path)
    content = json.loads(outcome.out)
    assert (outcome.code, content["runs"][0]["network"]) == (0, None)
    assert content["pictures"] == [str(tmp_path / "copied-curves.svg")]
    shown = Document(tmp_path / "report.html").of("p")
    assert "The runs of this series are not beside it, so there is no network to show." in shown


@pytest.mark.slow
def test_a_packaged_network_is_shown_without_metrics(
    cli: Cli, mnist_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = cli("report", "smooth675", "--data-dir", mnist_dir, "--pictures", "pictures")
    assert (outcome.code, outcome.err) == (0, "")
    assert re.fullmatch(
        r"smooth675: 98\.\d\d %, of the 10,000 test images of mnist\n"
        "wrote pictures/smooth675-confusion.svg\n"
        "wrote pictures/smooth675-mistakes.png\n"
        "wrote pictures/smooth675-filters.png\n"
        "wrote report.html\n",
        outcome.out,
    )
    assert "A packaged network keeps no metrics: a run directory does." in Document(Path("report.html")).of("p")


def without_mistakes(network: Inspection) -> Inspection:
    return replace(network, mistakes=(), evaluation=replace(network.evaluation, correct=network.evaluation.n))


def test_a_network_without_mistakes_is_shown(entry: Entry, tmp_path: Path) -> None:
    assert entry.network is not None
    (tmp_path / "report.html").write_text(page([replace(entry, metrics=[], network=without_mistakes(entry.network))]))
    assert "None of the 1,000 test images of mnist-5k." in Document(tmp_path / "report.html").of("p")


@pytest.mark.parametrize(
    ("probability", "text"),
    [
        (1.0, "100 %"),
        (0.9999, "> 99 %"),
        (0.995, "> 99 %"),
        (0.994, "99 %"),
        (0.62, "62 %"),
        (0.006, "1 %"),
        (0.005, "< 1 %"),
        (0.004, "< 1 %"),
        (0.0, "0 %"),
    ],
)
def test_percent(probability: float, text: str) -> None:
    assert percent(probability) == text


@pytest.mark.parametrize("figure", [0.0, 100.0, -5.0, 1e308], ids=["none", "all", "below zero", "absurd"])
def test_extreme_figures_are_drawn(entry: Entry, figure: float) -> None:
    rows = [EpochRow(epoch, *[figure] * 7) for epoch in (1, 2)]
    assert curves_picture(replace(entry, metrics=[rows, rows])).startswith(b"<?xml")


def test_the_curve_on_images_as_they_are_is_drawn_where_it_is_known(entry: Entry) -> None:
    name = b"training images, not augmented"
    (rows,) = entry.metrics
    assert name in curves_picture(entry)
    without = [replace(row, clean_train_accuracy=None) for row in rows]
    assert name not in curves_picture(replace(entry, metrics=[without]))
    assert name in curves_picture(replace(entry, metrics=[[*without, *rows]]))


def test_seeds_that_stopped_at_different_epochs_are_drawn(entry: Entry) -> None:
    rows = [EpochRow(epoch, *[50.0] * 7) for epoch in range(1, 6)]
    assert curves_picture(replace(entry, metrics=[rows, rows[:2], rows[:4]])).startswith(b"<?xml")


# the page


def test_a_strangers_text_is_text(page_folder: Path) -> None:
    shown = Document(page_folder / "report.html")
    assert {tag for tag, _ in shown.tags} & {"script", "link", "iframe", "svg"} == set()
    assert [name for _, given in shown.tags for name in given if name.startswith("on")] == []
    assert "<b onclick" not in shown.source
    # the description, in the spec too; both sides of a version; the system; both sides of an unknown key
    assert shown.source.count(ESCAPED) == 2 + 2 + 1 + 2
    assert "\u202e" not in shown.source


def test_nothing_is_fetched_from_anywhere(page_folder: Path) -> None:
    shown = Document(page_folder / "report.html")
    sources = [value or "" for _, given in shown.tags for key, value in given.items() if key in ("src", "href")]
    assert len(sources) > 3 * 5
    assert [each for each in sources if not each.startswith("data:image/")] == []
    assert "url(" not in shown.source
    assert "@import" not in shown.source


def test_runs_stand_side_by_side_with_the_same_sections(page_folder: Path) -> None:
    shown = Document(page_folder / "report.html")
    names = ["Confusion matrix", "Epoch by epoch", "Mistakes", "Filters", "Spec", "Environment"]
    assert shown.of("h3") == names * 3
    assert shown.of("h2") == ["small", "trio", "b-onclick-alert-1"]
    assert shown.of("title") == ["tiny3130, quick - tinymnist report"]


def test_the_spec_on_the_page_is_that_of_the_run(small_run: Path, page_folder: Path) -> None:
    spec = Document(page_folder / "report.html").of("pre")[0]
    assert spec.strip() == (small_run / "spec.yaml").read_text(encoding="utf-8").strip()


def test_runs_of_the_same_folder_name_are_told_apart(small_run: Path, nasty_run: Path) -> None:
    entries = gather([small_run, small_run, nasty_run], Options())[0]
    assert [each.label for each in entries] == ["small", "small-2", "b-onclick-alert-1"]


# the command


def test_json_says_what_was_written(cli: Cli, small_run: Path, tmp_path: Path) -> None:
    target, pictures = tmp_path / "report.html", tmp_path / "new" / "pictures"
    outcome = cli("report", small_run, "--output", target, "--pictures", pictures, "--json")
    evaluation = tinymnist.evaluate(small_run)
    names = ("curves.svg", "confusion.svg", "mistakes.png", "filters.png")
    assert (outcome.code, outcome.err) == (0, "")
    assert json.loads(outcome.out) == {
        "schema_version": 1,
        "output": str(target),
        "runs": [
            {
                "run": str(small_run),
                "label": "small",
                "name": "tiny3130",
                "parameters": 3130,
                "seeds": [7],
                "network": {
                    "seed": 7,
                    "dataset": "mnist-5k",
                    "scored_on": "test",
                    "accuracy": evaluation.accuracy,
                    "balanced_accuracy": evaluation.balanced_accuracy,
                    "macro_f1": evaluation.macro_f1,
                    "n": 1000,
                    "wrong": 1000 - evaluation.correct,
                    "loss": evaluation.loss,
                },
                "warnings": [],
            }
        ],
        "pictures": [str(pictures / f"small-{name}") for name in names],
        "damaged": [],
    }
    assert sorted(path.name for path in pictures.iterdir()) == sorted(f"small-{name}" for name in names)
    for path in pictures.glob("*.png"):
        with Image.open(path) as picture:
            assert picture.width > 200
            picture.load()
    assert all(path.read_bytes().startswith(b"<?xml") for path in pictures.glob("*.svg"))
    assert target.read_text(encoding="utf-8").startswith("<!DOCTYPE html>\n")


@pytest.mark.parametrize("name", ["report.pdf", "spec.yaml", "report", "html"])
def test_another_kind_of_file_is_never_replaced(cli: Cli, small_run: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    outcome = cli("report", small_run, "--output", tmp_path / name)
    assert (outcome.code, outcome.err) == (2, f"tinymnist: {tmp_path / name}: expects a name that ends in .html\n")
    assert (tmp_path / name).read_text() == "mine"


def test_a_run_without_a_checkpoint_is_refused_and_nothing_is_written(
    cli: Cli, small_run: Path, tmp_path: Path
) -> None:
    shutil.copytree(small_run, tmp_path / "half")
    for name in ("result.json", "checkpoint/state.safetensors"):
        (tmp_path / "half" / name).unlink()
    outcome = cli("report", tmp_path / "half", "--output", tmp_path / "report.html")
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert outcome.err.startswith(f"tinymnist: {tmp_path}/half: not finished: resume it with")
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize("steps", [pytest.param(4, marks=pytest.mark.slow), 13])
def test_an_unfinished_run_is_shown_as_such(cli: Cli, quick: Path, tmp_path: Path, steps: int) -> None:
    with pytest.raises(Interrupted):
        tinymnist.train(
            tinymnist.load_spec(quick), dataset="mnist-5k", output=tmp_path, name="half", observer=StopAfter(steps)
        )
    outcome = cli("report", tmp_path / "half", "--output", tmp_path / "report.html", "--json")
    (run,) = json.loads(outcome.out)["runs"]
    epoch, step = divmod(steps, 10)
    assert (outcome.code, run["unfinished"]) == (0, {"epoch": epoch, "step": step, "epochs": 2})
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert f"unfinished: after epoch {epoch} of 2 and step {step} of the next" in page
    assert ("No epoch is done yet." in page) == (epoch == 0)


@pytest.mark.parametrize(
    "damaged", ["spec.yaml", "environment.json", "metrics.csv", "weights.safetensors", "result.json"]
)
def test_one_damaged_run_among_others_is_left_out(cli: Cli, small_run: Path, tmp_path: Path, damaged: str) -> None:
    broken = shutil.copytree(small_run, tmp_path / "broken")
    (broken / damaged).write_bytes(b"\xff")
    outcome = cli("report", broken, small_run, "--output", tmp_path / "report.html", "--json")
    content = json.loads(outcome.out)
    assert (outcome.code, [run["run"] for run in content["runs"]]) == (1, [str(small_run)])
    assert outcome.err.startswith(f"tinymnist: left out {broken}/{damaged}")
    assert [f"tinymnist: left out {line}\n" for line in content["damaged"]] == [outcome.err]
    assert Document(tmp_path / "report.html").of("h2") == ["small"]


@pytest.mark.slow
def test_a_place_that_cannot_be_written_is_one_line_and_exit_code_3(cli: Cli, small_run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    page_there = cli("report", small_run, "--output", tmp_path / "file" / "report.html")
    pictures_there = cli("report", small_run, "--output", tmp_path / "r.html", "--pictures", tmp_path / "file" / "x")
    assert [(each.code, each.err.count("\n")) for each in (page_there, pictures_there)] == [(3, 1)] * 2


@pytest.mark.slow
def test_the_same_run_gives_the_same_page(cli: Cli, small_run: Path, tmp_path: Path) -> None:
    with matplotlib.rc_context(
        {"font.size": 20, "svg.hashsalt": None, "axes.facecolor": "black"}
    ):  # a user's own settings
        assert cli("report", small_run, "--output", tmp_path / "here.html").code == 0
    command = [sys.executable, "-m", "tinymnist", "report", str(small_run), "--output", "there.html"]
    environment = {**os.environ, "PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "1", "TZ": "Asia/Tokyo"}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=120)
    assert (tmp_path / "here.html").read_bytes() == (tmp_path / "there.html").read_bytes()


# in a browser

FACTS = """(() => {
  const root = document.documentElement, place = (each) => each.getBoundingClientRect();
  return {
    images: [...document.images].map((each) => each.complete && each.naturalWidth > 0),
    overflow: root.scrollWidth - root.clientWidth,
    beyond: [...document.querySelectorAll("body *")].filter((each) => place(each).right > root.clientWidth + 1).length,
    columns: [...document.querySelectorAll("article")].map((each) => Math.round(place(each).left)),
    headings: [...document.querySelectorAll("h3")].map((each) => Math.round(place(each).top)),
    scripts: document.scripts.length,
  };
})()"""


def seen(browser: Page, folder: Path, width: int) -> dict[str, Any]:
    """What the browser makes of `report.html` at a width in CSS pixels. Fails if anything is in the console."""
    browser.resize(width, 800)
    browser.open(folder / "report.html")
    facts: dict[str, Any] = browser.evaluate(FACTS)
    assert browser.complaints() == []
    return facts


@pytest.mark.slow
def test_a_phone_shows_every_picture_and_nothing_beyond_its_edge(browser: Page, page_folder: Path) -> None:
    facts = seen(browser, page_folder, 390)
    assert len(facts["images"]) > 3 * 5
    assert all(facts["images"])
    assert (facts["overflow"], facts["beyond"], facts["scripts"]) == (0, 0, 0)
    assert len(set(facts["columns"])) == 1  # one below another


@pytest.mark.slow
def test_a_screen_shows_the_runs_side_by_side_with_their_sections_in_line(browser: Page, page_folder: Path) -> None:
    facts = seen(browser, page_folder, 1500)
    assert all(facts["images"])
    assert (facts["overflow"], facts["beyond"]) == (0, 0)
    assert facts["columns"] == sorted(set(facts["columns"]))
    assert facts["headings"][:6] == facts["headings"][6:12] == facts["headings"][12:]


@pytest.mark.slow
def test_it_can_be_printed(browser: Page, page_folder: Path) -> None:
    browser.open(page_folder / "report.html")
    content = base64.b64decode(browser.call("Page.printToPDF")["data"])
    assert content.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", content)) >= 3  # each run begins a page


@pytest.mark.slow
def test_the_browser_would_tell_of_an_error_and_a_broken_picture(browser: Page, tmp_path: Path) -> None:
    """Shows that the tests above can fail."""
    broken = '<img src="data:image/png;base64,AAAA"><p style="width:500px">wide</p>'
    (tmp_path / "report.html").write_text(f"<!DOCTYPE html><body>{broken}<article></article>")
    facts = seen(browser, tmp_path, 390)
    assert (facts["images"], facts["overflow"] > 0, facts["beyond"]) == ([False], True, 1)
    (tmp_path / "report.html").write_text("<!DOCTYPE html><script>nothing.there()</script>")
    browser.open(tmp_path / "report.html")
    (complaint,) = browser.complaints()
    assert complaint.startswith("ReferenceError: nothing is not defined")
