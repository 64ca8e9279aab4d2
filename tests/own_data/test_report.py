"""The report of runs on data of one's own: names of classes, colour, many classes, warnings, and a small page."""

import base64
import json
import re
import shutil
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tinymnist
from tests.own_data.conftest import BIRDS, Train, patterns
from tests.support.browser import Page
from tests.support.command_line import Cli
from tests.support.image_sets import write_folders, write_npz
from tinymnist.data import load_dataset
from tinymnist.report.columns import Column
from tinymnist.report.confusions import ClassScore, Confused, most_confused, read_worst
from tinymnist.report.contents import Entry, gather
from tinymnist.report.filters import Filters, picture_of
from tinymnist.report.inspection import Options
from tinymnist.report.pictures import confusion_picture, drawn_names

TWINS = (
    "1 training image repeats another, pixel by pixel, such as train/Amsel/0.png (Amsel) = train/Amsel/1.png (Amsel)"
)


@pytest.fixture(scope="module")
def entry(birds_run: Path) -> Entry:
    return gather([birds_run], Options(warn=lambda _: None))[0][0]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, train_on: Train) -> dict[int, Path]:
    """Runs on 47 classes with long names, on 100, and on 1,000."""
    folder = tmp_path_factory.mktemp("many")
    names = [f"class number {number} of many" for number in range(47)]
    some = write_folders(folder / "some", patterns(47, (8, 8), 2), names)
    hundred = write_npz(folder / "hundred.npz", patterns(100, (8, 8, 3), 2))
    thousand = write_npz(folder / "thousand.npz", patterns(1000, (6, 6), 2))
    return {
        47: train_on(some, 47, (1, 8, 8)),
        100: train_on(hundred, 100, (3, 8, 8)),
        1000: train_on(thousand, 1000, (1, 6, 6)),
    }


def page_of(cli: Cli, run: Path, folder: Path, *options: object) -> str:
    outcome = cli("report", run, "--output", folder / "report.html", *options)
    assert outcome.code == 0, outcome.err
    return (folder / "report.html").read_text(encoding="utf-8")


def test_mistakes_are_in_colour_and_of_named_classes(cli: Cli, birds: Path, birds_run: Path, tmp_path: Path) -> None:
    page = page_of(cli, birds_run, tmp_path)
    test = load_dataset(str(birds), warn=lambda _: None).test
    found = re.findall(
        r'<li title="image (\d+), from 0"><img src="data:image/png;base64,([^"]+)" alt="[^"]+" class="pixels" '
        r'width="56" height="47"><b>true ([^<]+)</b><span>([^<]+): <i>',
        page,
    )
    assert len(found) > 1
    for index, content, label, guess in found:
        with Image.open(BytesIO(base64.b64decode(content))) as shown:
            assert np.array_equal(np.asarray(shown), test.images[int(index)].permute(1, 2, 0).numpy())
        escaped = [name.replace('"', "&#34;") for name in BIRDS]
        assert label == escaped[int(test.labels[int(index)])]
        assert guess in escaped
        assert guess != label


def test_a_sentence_names_the_classes_that_are_confused(entry: Entry) -> None:
    assert entry.network is not None
    confusion = ((1, 0, 2, 0), (0, 3, 0, 0), (0, 0, 3, 0), (0, 0, 0, 0))
    evaluation = replace(entry.network.evaluation, n=9, correct=7, confusion=confusion)
    few = Column(replace(entry, metrics=[], network=replace(entry.network, evaluation=evaluation)), [], str)
    assert few.diagnosis == []
    more = replace(evaluation, n=10, correct=7, confusion=((1, 0, 3, 0), *confusion[1:]))
    column = Column(replace(entry, metrics=[], network=replace(entry.network, evaluation=more)), [], str)
    assert column.diagnosis == ['3 of 3 mistakes are Amsel classified as Grünfink "klein"']


def test_a_name_that_the_font_lacks_is_drawn_as_a_number_that_the_page_explains(
    cli: Cli, birds_run: Path, tmp_path: Path
) -> None:
    assert drawn_names(BIRDS) == ["Amsel", "Blaumeise", 'Grünfink...in"', "#3"]
    assert '<p class="faint">#3 桜鳥</p>' in page_of(cli, birds_run, tmp_path)


def test_names_that_look_alike_once_abbreviated_are_numbers() -> None:
    names = ["colorectal adenocarcinoma", "colorectal carcinoma", "colorectal mucus"]
    assert drawn_names(names) == ["#0", "#1", "colorect...cus"]


def test_a_class_without_images_is_neither_right_nor_wrong(entry: Entry) -> None:
    assert entry.network is not None
    confusion = ((1, 0, 2, 0), (1, 1, 0, 1), (0, 0, 3, 0), (0, 0, 0, 0))
    evaluation = replace(entry.network.evaluation, n=9, correct=5, confusion=confusion)
    assert read_worst(evaluation) == [ClassScore(0, 1, 3), ClassScore(1, 1, 3)]
    assert most_confused(evaluation) == [Confused(0, 2, 2, 3), Confused(1, 0, 1, 3), Confused(1, 3, 1, 3)]
    texts = re.findall(r"<!-- (.*?) -->", confusion_picture(evaluation, "abcd").decode())
    assert [texts.count(each) for each in ("33.3", "100.0", "0.0", "-")] == [2, 1, 0, 1]


def test_the_first_layer_is_in_the_colours_that_it_reads() -> None:
    weights = np.zeros((2, 3, 1, 1), np.float32)
    weights[0, 0], weights[1, 1:] = 0.5, -0.5
    filters = Filters("conv", weights, 1, True)
    assert picture_of(filters).tolist() == [[[255, 128, 128, 255], [128, 0, 0, 255]]]
    assert filters.words == ["3 to 2 channels, 1x1", "full colour 0.5, none -0.5"]


@pytest.mark.parametrize(
    ("classes", "matrix"),
    [(100, False), *(pytest.param(*each, marks=pytest.mark.slow) for each in ((47, True), (1000, False)))],
)
def test_many_classes_are_two_short_lists(
    cli: Cli, many: dict[int, Path], tmp_path: Path, classes: int, matrix: bool
) -> None:
    page = page_of(cli, many[classes], tmp_path, "--pictures", tmp_path)
    assert ("<h3>Confusion matrix</h3>" in page, "<h3>Confusions</h3>" in page) == (matrix, not matrix)
    assert (tmp_path / "run-confusion.svg").is_file() == matrix
    section = page.partition('<div class="lists">')[2].partition("</section>")[0]
    assert section.count("<tr><td>") == 30
    assert len(page) < 500_000
    if classes == 1000:
        assert (
            "class_names 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, and 980 more\n" in page
        )


def test_the_overview_shortens_a_long_path(entry: Entry) -> None:
    assert entry.network is not None
    path = "/home/somebody/pictures/of/the/last/summer/birds"
    evaluation = replace(entry.network.evaluation, dataset=path)
    column = Column(replace(entry, network=replace(entry.network, evaluation=evaluation)), [], str)
    assert column.measured == "of the 12 test images of .../of/the/last/summer/birds"
    assert column.headline.measured == f"of the 12 test images of {path}"


@pytest.mark.slow
def test_large_pictures_leave_the_page_small(cli: Cli, tmp_path: Path, train_on: Train) -> None:
    splits = patterns(2, (96, 96, 3), 40)
    run = train_on(write_npz(tmp_path / "large.npz", {**splits, "test": (splits["test"][0], splits["test"][1][::-1])}),
                   2, (3, 96, 96))  # fmt: skip
    page = page_of(cli, run, tmp_path)
    assert 12 <= page.count('class="pixels" width="96" height="96"') <= 18
    assert len(page) < 1_000_000


@pytest.mark.slow
def test_the_warnings_of_the_data_are_repeated(cli: Cli, birds: Path, birds_run: Path, tmp_path: Path) -> None:
    page = page_of(cli, birds_run, tmp_path)
    assert f"<li>{TWINS}</li>" in page
    outcome = cli("report", birds_run, birds_run, "--output", tmp_path / "report.html")
    assert outcome.out.splitlines()[2:] == [f"{birds}: {TWINS}", f"wrote {tmp_path}/report.html"]
    content = json.loads(cli("report", birds_run, "--output", tmp_path / "report.html", "--json").out)
    assert content["runs"][0]["warnings"] == json.loads((birds_run / "result.json").read_text())["warnings"]


@pytest.mark.parametrize(
    "warning",
    [{"kind": "NewInTwoYears", "count": 3}, {"kind": "TwinsInTraining", "repeated": "many", "contradicting": 0}],
    ids=["of a later version", "of a stranger"],
)
def test_a_warning_that_is_not_known_is_said_to_be_there(
    cli: Cli, birds_run: Path, tmp_path: Path, warning: dict[str, object]
) -> None:
    run = Path(shutil.copytree(birds_run, tmp_path / "run"))
    record = json.loads((run / "environment.json").read_text())
    record["data"]["warnings"] = [warning]
    (run / "environment.json").write_text(json.dumps(record))
    page = page_of(cli, run, tmp_path)
    assert f"<li>{warning['kind']}, which this version of tinymnist does not know</li>" in page


def test_pictures_that_are_not_ink_are_not_inverted(tmp_path: Path, train_on: Train) -> None:
    data = write_npz(tmp_path / "grey.npz", patterns(2, (12, 12), 20))
    grey = gather([train_on(data, 2, (1, 12, 12))], Options(warn=lambda _: None))[0][0]
    assert grey.network is not None
    assert not grey.network.ink


@pytest.mark.slow
def test_a_phone_shows_named_classes_and_a_wide_matrix_within_its_edges(
    cli: Cli, many: dict[int, Path], browser: Page, tmp_path: Path
) -> None:
    tinymnist.write_report([many[47], many[100]], tmp_path / "report.html", warn=lambda _: None)
    for width in (390, 1500):
        browser.resize(width, 800)
        browser.open(tmp_path / "report.html")
        assert browser.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
        assert browser.evaluate("[...document.images].every((each) => each.naturalWidth > 0)")
        assert browser.evaluate("document.querySelector('.matrix').width") >= 700
        assert browser.complaints() == []
