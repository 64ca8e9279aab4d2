"""Comparing trainings on data of one's own: the same images are the same under any name, and no others are."""

import json
import shutil
from pathlib import Path

import pytest

from tests.own_data.conftest import BIRDS, Train, patterns
from tests.support.command_line import Cli
from tests.support.image_sets import write_folders
from tinymnist.spec.packaged import packaged_series

ADVICE = "once nothing is tuned any more\n"


@pytest.fixture(scope="module")
def by_name(train_on: Train) -> Path:
    return train_on("mnist-5k")


@pytest.fixture(scope="module")
def from_path(digits: Path, train_on: Train) -> Path:
    return train_on(digits)


@pytest.fixture
def other_birds(tmp_path: Path) -> Path:
    """Other pictures with the classes of `birds`."""
    return write_folders(tmp_path / "other", patterns(4, (20, 24, 3), seed=1), BIRDS)


def change(data: Path, others: Path) -> None:
    """Puts `others` in the place of a data set."""
    shutil.rmtree(data)
    shutil.copytree(others, data)


@pytest.fixture
def changed(birds: Path, other_birds: Path, tmp_path: Path, train_on: Train) -> Path:
    """A run on a copy of `birds`, in whose place there are other pictures by now."""
    data = Path(shutil.copytree(birds, tmp_path / "data"))
    run = train_on(data, 4, (3, 20, 24))
    change(data, other_birds)
    return run


def test_a_run_is_as_good_as_itself_trained_on_another_format(cli: Cli, by_name: Path, from_path: Path) -> None:
    """Although the images lie in another order there."""
    content = json.loads(cli("compare", by_name, from_path, "--json").out)
    results = [json.loads((path / "result.json").read_text()) for path in (by_name, from_path)]
    assert results[0]["data_digest"] == results[1]["data_digest"]
    assert [content[side]["accuracy"] for side in "ab"] == [result["accuracy"] for result in results]


def test_a_run_of_an_earlier_version_is_known_by_the_name_of_its_data(
    cli: Cli, by_name: Path, from_path: Path, tmp_path: Path
) -> None:
    earlier = Path(shutil.copytree(by_name, tmp_path / "earlier"))
    record = json.loads((earlier / "environment.json").read_text())
    del record["data"]
    (earlier / "environment.json").write_text(json.dumps(record))
    assert cli("compare", earlier, from_path).code == 0


@pytest.mark.slow
def test_runs_that_held_out_different_images_of_the_same_data_need_a_test_set(
    cli: Cli, digits: Path, train_on: Train
) -> None:
    a, b = train_on("mnist-5k", held_out=500), train_on(digits, held_out=500)
    outcome = cli("compare", a, b)
    assert (outcome.code, outcome.err) == (
        2,
        f"tinymnist: {a} and {b} held out different images, because mnist-5k and {digits} have the same images in "
        f"another order: name the test set with --dataset mnist-5k, {ADVICE}",
    )
    assert cli("compare", a, b, "--dataset", digits).code == 0


def test_runs_on_a_path_that_has_changed_between_them_need_a_test_set(
    cli: Cli, birds: Path, other_birds: Path, tmp_path: Path, train_on: Train
) -> None:
    data = Path(shutil.copytree(birds, tmp_path / "data"))
    before = train_on(data, 4, (3, 20, 24))
    change(data, other_birds)
    after = train_on(data, 4, (3, 20, 24))
    outcome = cli("compare", before, after)
    assert (outcome.code, outcome.err) == (
        2,
        f"tinymnist: {before} and {after} were trained on different images, both named {data}: "
        "choose the test set for both with --dataset\n",
    )
    content = json.loads(cli("compare", before, after, "--dataset", data, "--json").out)
    assert (content["dataset"], content["a"]["n"]) == (str(data), 12)


@pytest.mark.parametrize("command", ["report", "benchmark", "evaluate", "compare"])
def test_a_run_whose_data_has_changed_since_is_not_scored_on_it(
    cli: Cli, changed: Path, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = cli(command, *[changed] * (2 if command == "compare" else 1))
    assert (outcome.code, outcome.out, outcome.err) == (
        3,
        "",
        f"tinymnist: {changed}: was trained on other images than those that {tmp_path}/data holds now: put them back, "
        "or name others by --dataset\n",
    )
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize("command", ["report", "benchmark", "evaluate", "compare"])
def test_a_run_whose_data_is_gone_says_where_it_was(
    cli: Cli, changed: Path, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.rmtree(tmp_path / "data")
    outcome = cli(command, *[changed] * (2 if command == "compare" else 1))
    assert (outcome.code, outcome.out, outcome.err) == (
        3,
        "",
        f"tinymnist: {changed}: was trained on {tmp_path}/data, where nothing is now (seen from the current folder): "
        "put it back, or name others by --dataset\n",
    )


@pytest.mark.parametrize("command", ["report", pytest.param("benchmark", marks=pytest.mark.slow)])
def test_another_data_set_may_be_named_for_it(
    cli: Cli, changed: Path, birds: Path, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = json.loads(cli(command, changed, "--dataset", birds, "--json").out)
    assert (content if command == "benchmark" else content["runs"][0]["network"])["dataset"] == str(birds)


def test_networks_that_read_a_data_set_in_different_sizes_are_not_compared(
    cli: Cli, birds: Path, birds_run: Path, tmp_path: Path
) -> None:
    spec = tmp_path / "small.yaml"
    spec.write_text(
        f"name: small\ninput: {{channels: 3, height: 10, width: 12}}\nclasses: 4\ndata: {{dataset: {birds}, resize: "
        "[10, 12]}\nblocks: [{convs: [{out_channels: 4}]}]\ntrain: {epochs: 1, augment: [], engine: torch}\n"
    )
    assert cli("train", spec, "--output", tmp_path, "--name", "small").code == 0
    outcome = cli("compare", birds_run, tmp_path / "small", "--dataset", birds)
    assert (outcome.code, outcome.err.splitlines()[-1]) == (
        2,
        f"tinymnist: {birds_run} reads {birds} as images of 3x20x24, {tmp_path}/small as 3x10x12: "
        "compare networks that read the same images",
    )


def series_result(path: Path, **changes: object) -> Path:
    """A copy of a series that comes with tinymnist, with changes in its result."""
    shutil.copytree(packaged_series()["smooth3092"], path)
    result = json.loads((path / "result.json").read_text())
    (path / "result.json").write_text(json.dumps({**result, **changes}))
    return path


MNIST_DIGEST = "ddab1446f479a4506deb6cc872755ace83620f7de82b1ba69b80a4bc42a6dc76"
PICTURES = {"dataset": "./mnist-png", "data_digest": MNIST_DIGEST}
ONE = {"dataset": "./mine", "data_digest": "1" * 64, "images": 500}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (PICTURES, {}),
        (ONE, {**ONE, "dataset": "/elsewhere/mine.npz"}),
        ({**ONE, "scored_on": "validation"}, {**ONE, "dataset": "other", "scored_on": "validation"}),
    ],
    ids=["MNIST as pictures and a series without a digest", "two formats", "held-out images from two paths"],
)
def test_series_on_the_same_images_are_compared_under_any_name(
    cli: Cli, tmp_path: Path, first: dict[str, object], second: dict[str, object]
) -> None:
    assert cli("compare", series_result(tmp_path / "a", **first), series_result(tmp_path / "b", **second)).code == 0


DIFFERENT = {
    "a path that has changed": (
        ONE,
        {**ONE, "data_digest": "2" * 64},
        "{a} and {b} were scored on different images, both named the 500 test images of ./mine",
    ),
    "another data set": (
        ONE,
        PICTURES,
        "{a} was scored on the 500 test images of ./mine, {b} on the 10,000 test images of ./mnist-png",
    ),
    "held-out images in another order": (
        {"scored_on": "validation", "images": 5000},
        {**PICTURES, "scored_on": "validation", "images": 5000},
        "{a} was scored on the 5,000 held-out training images of mnist, {b} on the 5,000 held-out training images of "
        "./mnist-png",
    ),
}


@pytest.mark.parametrize(("first", "second", "error"), DIFFERENT.values(), ids=DIFFERENT.keys())
def test_series_on_different_images_are_not_compared(
    cli: Cli, tmp_path: Path, first: dict[str, object], second: dict[str, object], error: str
) -> None:
    a, b = series_result(tmp_path / "a", **first), series_result(tmp_path / "b", **second)
    outcome = cli("compare", a, b)
    what = error.format(a=a, b=b)
    assert (outcome.code, outcome.err) == (
        2,
        f"tinymnist: {what}: compare series that were scored on the same images\n",
    )


def test_mnist_from_a_path_stands_on_the_front_of_mnist(cli: Cli, tmp_path: Path) -> None:
    content = json.loads(cli("front", series_result(tmp_path / "mine", **PICTURES), "--json").out)
    assert (content["dataset"], len(content["published"])) == ("mnist", 10)
    assert len([each for each in content["series"] if each["packaged"]]) == len(packaged_series())


def test_a_front_is_of_one_data_set_whatever_its_names(cli: Cli, tmp_path: Path) -> None:
    a, b = series_result(tmp_path / "a", **ONE), series_result(tmp_path / "b", **{**ONE, "dataset": "mine.npz"})
    content = json.loads(cli("front", a, b, "--json").out)
    assert (content["dataset"], len(content["series"]), content["published"]) == ("./mine", 2, [])


def test_a_front_is_refused_where_a_path_has_changed(cli: Cli, tmp_path: Path) -> None:
    a = series_result(tmp_path / "a", **ONE) / "result.json"
    b = series_result(tmp_path / "b", **{**ONE, "data_digest": "2" * 64}) / "result.json"
    outcome = cli("front", a, b)
    assert (outcome.code, outcome.err) == (
        2,
        f"tinymnist: {a} and {b} were scored on different images, both named the 500 test images of ./mine: "
        "name the results of one data set\n",
    )
