"""The Pareto front: which points are on it, which results make one, and the picture."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import matplotlib
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.text import Text

from tests.support.command_line import Cli
from tests.test_rooms import PACKAGE
from tinymnist.front import PUBLISHED, Front, Point, Published, draw, find_results, front, picture_format, read_front
from tinymnist.front.points import point
from tinymnist.statistics import summarize

TEN = [99.41, 99.44, 99.45, 99.42, 99.47, 99.39, 99.46, 99.43, 99.44, 99.45]
MakeResult = Callable[..., Path]


@pytest.fixture
def result(tmp_path: Path) -> MakeResult:
    """Writes the result of a series, without training, and gives the path of its `result.json`."""

    def make(folder: str, parameters: int, accuracies: list[float], **others: object) -> Path:
        path, summary = tmp_path / folder / "result.json", summarize(accuracies or [0.0])
        path.parent.mkdir(parents=True)
        content = {
            "run": str(path.parent),
            "name": path.parent.name,
            "parameters": parameters,
            "dataset": "mnist",
            "scored_on": "test",
            "chosen_on": "",
            "images": 10_000,
            "epochs": 20,
            "seeds": list(range(len(accuracies))),
            "accuracies": accuracies,
            "losses": [0.02] * len(accuracies),
            "mean": summary.mean,
            "std": summary.std,
            "interval": summary.interval and {"low": summary.interval[0], "high": summary.interval[1]},
            "n": len(accuracies),
            "minimum": summary.minimum,
            "maximum": summary.maximum,
            "seconds": 1.0,
        }
        path.write_text(json.dumps({**content, **others}))
        return path

    return make


def made(*points: tuple[int, float]) -> Front:
    """The front of some parameters and means, on MNIST."""
    return front([point(f"net{count}", Path("result.json"), count, [mean]) for count, mean in points], "mnist", 10_000)


def plausible() -> Front:
    """A made-up front with as many points as a README has room for."""
    shape = (-1.5, -0.9, -0.4, -0.1, 0.0, 0.1, 0.3, 0.6, 0.8, 1.1)
    points = [
        ("mini690", 690, 98.90, 0.08, 10),
        ("mini990", 990, 99.15, 0.07, 10),
        ("tiny1990", 1_990, 99.40, 0.05, 5),
        ("tiny3098", 3_098, 99.52, 0.04, 10),
        ("tiny3130", 3_130, 99.47, 0.05, 10),
        ("tiny3130-reference", 3_130, 99.38, 0.05, 10),
        ("wide4980", 4_980, 99.55, 0.04, 5),
        ("wide7990", 7_990, 99.60, 0.04, 3),
    ]
    return front(
        [
            point(name, Path("result.json"), count, [mean + std * each for each in shape[:n]])
            for name, count, mean, std, n in points
        ],
        "mnist",
        10_000,
    )


@pytest.mark.parametrize(
    ("points", "best"),
    [
        ([(3130, 99.4)], [3130]),
        ([(690, 98.9), (3130, 99.4), (1990, 99.3)], [690, 1990, 3130]),
        ([(690, 99.0), (990, 98.9), (1990, 99.0), (3130, 99.1)], [690, 3130]),
        ([(690, 98.9), (690, 99.0)], [690]),
        ([(690, 99.0), (690, 99.0)], [690, 690]),
    ],
    ids=["one", "all", "no better than smaller ones", "as many parameters", "equal in both"],
)
def test_points_on_the_front(points: list[tuple[int, float]], best: list[int]) -> None:
    found = made(*points)
    assert [each.parameters for each in found.best] == best
    assert max(mean for _, mean in points) == found.best[-1].summary.mean


def beats(a: Point, b: Point) -> bool:
    """Whether `a` is better in parameters or mean, and not worse in the other."""
    no_worse = a.parameters <= b.parameters and a.summary.mean >= b.summary.mean
    return no_worse and (a.parameters, a.summary.mean) != (b.parameters, b.summary.mean)


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(9_890, 9_910).map(lambda right: right / 100)), min_size=1))
def test_nothing_beats_what_is_on_the_front_and_something_beats_the_rest(points: list[tuple[int, float]]) -> None:
    found = made(*points)
    assert len(found.points) == len(points)
    for each, on_front in zip(found.points, found.on_front, strict=True):
        assert on_front is not any(beats(other, each) for other in found.points)


@given(st.permutations([(690, 98.9), (690, 99.0), (990, 99.0), (1990, 99.3), (3130, 99.2)]))
def test_the_order_of_the_points_does_not_matter(points: list[tuple[int, float]]) -> None:
    assert made(*points) == made(*sorted(points))


def test_errors_are_100_minus_accuracies() -> None:
    one, many = point("a", Path("a"), 690, [99.4]), point("b", Path("b"), 690, TEN)
    interval = summarize(TEN).interval
    assert interval is not None
    assert (many.error, *many.error_range) == pytest.approx((100 - 99.436, 0.53, 0.61))
    assert many.error_interval == (100 - interval[1], 100 - interval[0])
    assert (one.error_interval, one.figures, many.figures) == (None, "99.40 % (n 1)", "99.44 ± 0.02 % (n 10)")


def test_results_are_found_at_any_depth_each_once(result: MakeResult, tmp_path: Path) -> None:
    paths = [result("a/deep/one", 690, [98.9]), result("a/two", 990, [99.0]), result("three", 3130, [99.4])]
    found = find_results([tmp_path / "three", tmp_path / "a", paths[0], tmp_path])
    assert found == [paths[2], paths[0], paths[1]]


def results_of_the_user(out: str) -> list[str]:
    """The `result` of each series in the JSON that is not one of tinymnist's."""
    return [each["result"] for each in json.loads(out)["series"] if not each["packaged"]]


def test_seeds_of_a_series_are_not_points_and_single_runs_are_left_out(
    result: MakeResult, tmp_path: Path, cli: Cli
) -> None:
    series = result("runs/many", 3130, TEN)
    for run in ("many/seed-0", "single", "unfinished/seed-0"):
        (tmp_path / "runs" / run).mkdir(parents=True)
        (tmp_path / "runs" / run / "result.json").write_text('{"accuracy": 99.4}')
    (tmp_path / "runs" / "unfinished" / "series.json").write_text("{}")
    outcome = cli("front", tmp_path / "runs", "--json")
    assert outcome.err == f"{tmp_path}/runs: left out 1 single run, such as {tmp_path}/runs/single\n"
    assert results_of_the_user(outcome.out) == [str(series)]


PACKAGED = [
    "bank673",
    "smooth675",
    "shared692",
    "bank984",
    "shared986",
    "smooth996",
    "bank1096",
    "smooth1938",
    "bank1981",
    "bank2979",
    "smooth3092",
    "tiny3130-steady",
]


def test_without_arguments_the_series_of_tinymnist_are_shown_anywhere(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = cli("front")
    assert (outcome.code, outcome.err) == (0, "")
    assert [line.split()[0] for line in outcome.out.splitlines()[2:15]] == [*PACKAGED, "tiny3130"]


def test_series_stand_beside_those_of_tinymnist_of_the_same_images(result: MakeResult, cli: Cli) -> None:
    mine = result("mine", 2000, [99.5, 99.6])
    content = json.loads(cli("front", mine, "--json").out)
    assert [(each["name"], each["packaged"]) for each in content["series"]][8:11] == [
        ("bank1981", True), ("mine", False), ("bank2979", True),
    ]  # fmt: skip
    of_fashion = result("fashion", 2000, [89.5, 89.6], dataset="fashion-mnist")
    assert [each["name"] for each in json.loads(cli("front", of_fashion, "--json").out)["series"]] == ["fashion"]


def test_a_series_of_the_same_name_is_told_from_that_of_tinymnist(result: MakeResult, cli: Cli) -> None:
    content = json.loads(cli("front", result("smooth3092", 3092, TEN), "--json").out)
    names = {each["packaged"]: each["name"] for each in content["series"] if each["name"].startswith("smooth3092")}
    assert names == {True: "smooth3092 (tinymnist)", False: "smooth3092"}


def test_a_series_of_tinymnist_that_is_named_is_shown_once(cli: Cli) -> None:
    series = json.loads(cli("front", PACKAGE / "results" / "smooth996", "--json").out)["series"]
    assert [each["name"] for each in series].count("smooth996") == 1


def test_alone_nothing_stands_beside_the_series(result: MakeResult, cli: Cli) -> None:
    content = json.loads(cli("front", result("mine", 2000, TEN), "--alone", "--json").out)
    assert ([each["name"] for each in content["series"]], content["published"]) == (["mine"], [])
    outcome = cli("front", "--alone")
    assert (outcome.code, outcome.err) == (2, "tinymnist: --alone: name the series that are to stand alone\n")


def test_networks_of_the_same_name_are_told_apart_by_their_series(result: MakeResult, tmp_path: Path) -> None:
    for folder in ("tiny3130-mild", "reference"):
        result(folder, 3130, TEN, name="tiny3130")
    result("other", 690, TEN, name="mini690")
    names = [each.name for each in read_front([tmp_path], alone=True).points]
    assert names == ["mini690", "tiny3130 (reference)", "tiny3130-mild"]


def test_text(result: MakeResult, cli: Cli, tmp_path: Path) -> None:
    result("tiny3130", 3130, TEN)
    result("mini690", 690, [98.9])
    result("mini990", 990, [98.8, 98.9])
    assert cli("front", tmp_path, "--alone").out.splitlines() == [
        "on the 10,000 test images of mnist, after the last epoch",
        "name      parameters  mean %   std     n  95 % interval   front",
        "mini690          690   98.90           1                  yes",
        "mini990          990   98.85  0.07     2  98.21 to 99.49  no",
        "tiny3130       3,130   99.44  0.02    10  99.42 to 99.45  yes",
    ]


def test_published_figures_are_a_table_of_their_own(result: MakeResult, cli: Cli) -> None:
    lines = cli("front", result("tiny3130", 3130, TEN)).out.splitlines()
    assert lines[lines.index("") + 1 :][:2] == [
        "published, each with its source under --json",
        "parameters  accuracy        who, and how",
    ]
    assert "     1,936  99.10 %         ruslangrimov: one run" in lines


def test_json(result: MakeResult, cli: Cli) -> None:
    path, summary = result("tiny3130", 3130, TEN), summarize(TEN)
    content = json.loads(cli("front", path.parent, "--json").out)
    interval = summary.interval
    assert interval is not None
    assert [each for each in content["series"] if not each["packaged"]] == [
        {
            "name": "tiny3130",
            "result": str(path),
            "parameters": 3130,
            "mean": summary.mean,
            "std": summary.std,
            "n": 10,
            "interval": {"low": interval[0], "high": interval[1], "level": 95, "method": "t"},
            "minimum": 99.39,
            "maximum": 99.47,
            "on_front": False,
            "packaged": False,
        }
    ]
    assert [content[key] for key in ("schema_version", "dataset", "scored_on", "images")] == [1, "mnist", "test", 10000]
    assert [each["source"] for each in content["published"]] == [each.source for each in PUBLISHED]


@pytest.mark.parametrize("images", [10_000, 1_000])
def test_published_figures_stand_beside_those_of_mnist_alone(result: MakeResult, cli: Cli, images: int) -> None:
    path = result("a", 690, [84.9], dataset="mnist" if images == 1_000 else "fashion-mnist", images=images)
    assert json.loads(cli("front", path, "--json").out)["published"] == []


@pytest.mark.parametrize("each", PUBLISHED, ids=lambda each: f"{each.parameters} {each.who}")
def test_each_published_figure_has_a_source(each: Published) -> None:
    assert each.source.startswith("https://") or "README" in each.source
    assert each.who
    assert each.how
    assert 97 < each.accuracy < 99.9
    assert (each.std is not None) == (each.kind == "mean")


def test_published_figures_are_in_order() -> None:
    assert list(PUBLISHED) == sorted(PUBLISHED, key=lambda each: each.parameters)


def test_series_scored_on_different_images_are_not_mixed(result: MakeResult, cli: Cli) -> None:
    a, b = result("a", 690, TEN), result("b", 690, TEN, dataset="mnist-5k", images=1_000)
    outcome = cli("front", a, b)
    assert (outcome.code, outcome.out, outcome.err) == (
        2,
        "",
        f"tinymnist: {a} was scored on the 10,000 test images of mnist, {b} on the 1,000 test images of mnist-5k: "
        "name the results of one data set\n",
    )


def test_validation_results_make_no_front(result: MakeResult, cli: Cli) -> None:
    a, b = result("a", 690, TEN), result("b", 690, TEN, scored_on="validation")
    outcome = cli("front", a, b)
    assert (outcome.code, outcome.err) == (
        2,
        f"tinymnist: {b}: was scored on the 10,000 held-out training images of mnist: a Pareto front needs test "
        "results: train the final recipe without --validation\n",
    )


def test_a_series_on_held_out_images_that_a_folder_holds_is_left_out(
    result: MakeResult, tmp_path: Path, cli: Cli
) -> None:
    series = result("runs/final", 3130, TEN)
    result("runs/tuned", 3130, TEN, scored_on="validation")
    outcome = cli("front", tmp_path / "runs", "--json")
    assert outcome.err == (
        f"{tmp_path}/runs: left out 1 series scored on held-out images, such as {tmp_path}/runs/tuned\n"
    )
    assert results_of_the_user(outcome.out) == [str(series)]


REFUSED = {
    "no such place": ("nowhere", 2, "nowhere: no such file or folder"),
    "an empty folder": ("empty", 2, "empty: contains no result.json of a series: train one with --seeds"),
    "a single run": ("single", 2, "single/result.json: is the result of a single run: train a series with --seeds"),
    "an unfinished series": ("unfinished", 2, "unfinished: has no result.json yet: the series is not finished"),
    "no JSON": ("text/result.json", 3, "text/result.json: damaged (Invalid JSON: "),
    "a list": ("list", 3, "list/result.json: damaged (Input should be an object): copy the run again"),
    "a result with a hole": ("hole", 3, "hole/result.json: damaged (run: Field required): copy the run again"),
}


@pytest.mark.parametrize(("path", "code", "error"), REFUSED.values(), ids=REFUSED.keys())
def test_anything_but_a_result_is_refused_in_one_line(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, code: int, error: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    for name, text in (
        ("single/result.json", '{"accuracy": 99.4}'),
        ("unfinished/series.json", "{}"),
        ("text/result.json", "99.4 %"),
        ("list/result.json", "[]"),
        ("hole/result.json", '{"accuracies": []}'),
    ):
        Path(name).parent.mkdir()
        Path(name).write_text(text)
    outcome = cli("front", path)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (code, "", 1)
    assert outcome.err.startswith(f"tinymnist: {error}")


@pytest.mark.parametrize("content", ["no JSON", "[]", "{}"])
def test_one_damaged_result_among_others_is_left_out(
    result: MakeResult, cli: Cli, tmp_path: Path, content: str
) -> None:
    whole, broken = result("runs/whole", 3130, TEN), result("runs/broken", 690, TEN)
    broken.write_text(content)
    outcome = cli("front", tmp_path / "runs", "--alone", "--json")
    shown = json.loads(outcome.out)
    assert (outcome.code, [each["result"] for each in shown["series"]]) == (1, [str(whole)])
    assert outcome.err.startswith(f"tinymnist: left out {broken}: damaged (")
    assert [f"tinymnist: left out {line}\n" for line in shown["damaged"]] == [outcome.err]


@pytest.mark.parametrize(
    ("parameters", "accuracies", "images", "key"),
    [
        (690, [], 10_000, "seeds, accuracies, losses and n are not alike"),
        (690, [99.4, 199.4], 10_000, "an accuracy is not between 0 and 100"),
        (0, TEN, 10_000, "parameters: Input should be greater than or equal to 1"),
        (690, TEN, 0, "images: Input should be greater than or equal to 1"),
    ],
    ids=["no accuracies", "more than all", "no parameters", "no images"],
)
def test_an_impossible_result_is_damage(
    result: MakeResult, cli: Cli, parameters: int, accuracies: list[float], images: int, key: str
) -> None:
    path = result("a", parameters, accuracies, images=images)
    outcome = cli("front", path)
    assert (outcome.code, outcome.err) == (3, f"tinymnist: {path}: damaged ({key}): copy the run again\n")


@pytest.mark.parametrize("name", ["front.jpg", "front", "svg", "front.svg.gz"])
def test_other_formats_are_refused(cli: Cli, result: MakeResult, tmp_path: Path, name: str) -> None:
    outcome = cli("front", result("a", 690, TEN), "--output", tmp_path / name)
    assert (outcome.code, outcome.err) == (
        2,
        f"tinymnist: {tmp_path / name}: expects a name that ends in .svg, .png or .pdf\n",
    )
    assert picture_format("FRONT.SVG") == "svg"


def test_the_table_needs_no_matplotlib(
    cli: Cli, result: MakeResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = result("a", 690, TEN)
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert cli("front", path).code == 0


@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
def test_the_picture_has_the_format_of_its_name(cli: Cli, result: MakeResult, tmp_path: Path, kind: str) -> None:
    paths = [result("a", 690, [84.9, 85.3], dataset="fashion-mnist"), result("b", 990, [84.1], dataset="fashion-mnist")]
    picture = tmp_path / f"front.{kind}"
    outcome = cli("front", *paths, "--output", picture)
    assert (outcome.code, outcome.out, outcome.err) == (0, "", f"wrote {picture}: 2 series, 1 on the front\n")
    assert picture.read_bytes().startswith({"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}[kind])


def test_a_picture_that_cannot_be_written_is_one_line_and_exit_code_3(cli: Cli, result: MakeResult) -> None:
    path = result("a", 690, [84.9], dataset="fashion-mnist")
    outcome = cli("front", path, "--output", path.parent / "no" / "front.png")
    assert (outcome.code, outcome.err.count("\n")) == (3, 1)
    assert outcome.err.startswith(f"tinymnist: {path.parent / 'no' / 'front.png'}: cannot be written")


@pytest.mark.slow
def test_the_same_results_give_the_same_bytes(cli: Cli, result: MakeResult, tmp_path: Path) -> None:
    for name, count, accuracy in (("a", 690, 98.9), ("b", 990, 99.2), ("c", 3130, 99.1)):
        result(f"results/{name}", count, [accuracy - 0.1, accuracy + 0.1, accuracy])
    with matplotlib.rc_context(
        {"font.size": 20, "svg.hashsalt": None, "axes.facecolor": "black"}
    ):  # a user's own settings
        assert cli("front", tmp_path / "results", "--output", tmp_path / "here.svg").code == 0
    command = [sys.executable, "-m", "tinymnist", "front", "results", "--output", "there.svg"]
    environment = {**os.environ, "PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "1", "TZ": "Asia/Tokyo"}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=120)
    content = (tmp_path / "here.svg").read_bytes()
    assert content == (tmp_path / "there.svg").read_bytes()
    assert b"<dc:date>" not in content


def test_labels_are_clear_of_one_another_and_inside() -> None:
    figure = draw(plausible())
    axes = figure.axes[0]
    for text in axes.texts:
        text.get_window_extent()  # moves the text to its place
    boxes = [Text.get_window_extent(text) for text in axes.texts]  # without the lines to the marks
    edge = axes.get_window_extent()
    assert len(boxes) == 8 + len(PUBLISHED)
    assert [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])] == []
    assert all(edge.x0 <= box.x0 and box.x1 <= edge.x1 and edge.y0 <= box.y0 and box.y1 <= edge.y1 for box in boxes)
    assert {text.get_text().splitlines()[0] for text in axes.texts} >= {"mini690, 690", "wide7990, 7,990", "JoshWarn"}


def test_the_picture_has_an_opaque_ground() -> None:
    figure = draw(made((690, 98.9)))
    assert figure.get_facecolor() == (1, 1, 1, 1)


@pytest.mark.parametrize("accuracies", [[100.0, 100.0], [99.4, 99.5], [0.0]], ids=["no error", "two seeds", "all"])
def test_extremes_are_drawn(accuracies: list[float]) -> None:
    found = front([point("a", Path("a"), 690, accuracies)], "mnist-5k", 1_000)
    (low, high), lowest = draw(found).axes[0].get_ylim(), 50 / 1_000
    assert low < max(found.points[0].error, lowest) < high
    assert high / low < 3


def test_a_crowd_is_named_by_its_front() -> None:
    crowd = [point(f"net{count}", Path("a"), count, [84.0 + (count == 690)]) for count in range(690, 720)]
    assert [text.get_text() for text in draw(front(crowd, "fashion-mnist", 10_000)).axes[0].texts] == [
        "net690, 690\n85.00 % (n 1)"
    ]
