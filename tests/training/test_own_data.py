"""Training on somebody's own images: the same bits from any format, and figures that say what they were made on."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.support.command_line import Cli
from tests.support.image_sets import FORMATS, Splits, write_csv, write_folders, write_npz
from tests.support.shapes import SHAPES, write_patches, write_shapes
from tests.support.trainings import StopAfter
from tinymnist import load_spec, train
from tinymnist.data import load_dataset, read_image_set
from tinymnist.errors import DataError, Interrupted
from tinymnist.training import load_run, open_run, resume

IN_COLOUR = """
name: shapes
input: {channels: 3, height: 20, width: 24}
classes: 3
blocks:
  - {convs: [8], pool: max}
  - {convs: [8], pool: global_average}
data: {dataset: DATASET}
train: {epochs: 40, batch_size: 20, normalize: measured}
"""

SHORT = ("train.epochs=2",)

Write = Callable[..., Path]


@pytest.fixture(scope="module")
def coloured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shapes(tmp_path_factory.mktemp("data") / "shapes")


@pytest.fixture(scope="module")
def in_colour(coloured: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spec for shapes in colour."""
    path = tmp_path_factory.mktemp("archs") / "shapes.yaml"
    path.write_text(IN_COLOUR.replace("DATASET", str(coloured)), encoding="utf-8")
    return path


def digits(train: int, test: int) -> Splits:
    data = load_dataset("mnist-5k")
    few = {"train": data.train.sample(train), "test": data.test.sample(test)}
    return {name: (split.images[:, 0].numpy(), split.labels.numpy()) for name, split in few.items()}


def seen(path: Path) -> tuple[str, str | None]:
    result = load_run(path).result
    return result.weights_sha256, result.data_digest


def test_any_format_of_the_same_images_trains_to_the_same_bits(cli: Cli, quick: Path, tmp_path: Path) -> None:
    few = digits(400, 200)
    results = set()
    for number, write in enumerate(FORMATS.values()):
        data = write(tmp_path / f"data{number}", few)
        outcome = cli(
            "train", quick, "--dataset", data, "--seed", 1, "--output", tmp_path / "runs", "--name", number,
            "--set", "train.augment=[ShiftScaleRotate]",
        )  # fmt: skip
        assert outcome.code == 0, outcome.err
        results.add(seen(tmp_path / "runs" / str(number)))
    assert results == {(results.copy().pop()[0], read_image_set(str(data)).digest)}


@pytest.mark.slow
def test_the_whole_of_mnist_trains_to_the_same_bits_from_any_format(
    cli: Cli, quick: Path, mnist_dir: Path, tmp_path: Path
) -> None:
    data = load_dataset("mnist", mnist_dir)
    whole = {
        name: (split.images[:, 0].numpy(), split.labels.numpy())
        for name, split in (("train", data.train), ("test", data.test))
    }
    results = set()
    for name in ("folders", "npz of Keras", "CSV", "Parquet", "packed IDX"):
        place = tmp_path / name.split()[0]
        outcome = cli(
            "train", quick, "--dataset", FORMATS[name](place, whole), "--seed", 1, "--output", tmp_path / "runs",
            "--name", place.name, "--set", "train.augment=[ShiftScaleRotate]",
        )  # fmt: skip
        assert outcome.code == 0, outcome.err
        results.add(seen(tmp_path / "runs" / place.name))
        shutil.rmtree(place, ignore_errors=True)
    assert results == {(results.copy().pop()[0], data.digest)}


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_pictures_in_colour_are_told_apart(engine: str, cli: Cli, in_colour: Path, tmp_path: Path) -> None:
    outcome = cli("train", in_colour, "--engine", engine, "--seed", 1, "--output", tmp_path, "--name", "run", "--json")
    result = json.loads(outcome.out)
    assert (outcome.code, result["accuracy"] > 90, result["n"]) == (0, True, 45)
    run = load_run(tmp_path / "run")
    assert (run.class_names, run.prepare) == (tuple(sorted(SHAPES)), "resize")
    assert run.environment.engine == engine


@pytest.mark.slow
def test_both_engines_learn_the_same_from_colour(in_colour: Path, tmp_path: Path) -> None:
    losses = [
        train(
            load_spec(in_colour, [f"train.engine={engine}", "train.epochs=2"]), seed=3, output=tmp_path, name=engine
        ).result.train_loss
        for engine in ("native", "torch")
    ]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)


def test_the_spec_of_a_run_has_what_was_measured(coloured: Path, in_colour: Path, tmp_path: Path) -> None:
    run = train(load_spec(in_colour, ["train.epochs=1"]), seed=1, output=tmp_path, name="run", validation=30)
    pixels = load_dataset(str(coloured)).hold_out(30).train.images.double() / 255
    written = yaml.safe_load((run.path / "spec.yaml").read_text())
    assert written["train"]["normalize"] == {
        "mean": pytest.approx(float(pixels.mean()), abs=6e-5),
        "std": pytest.approx(float(pixels.std(correction=0)), abs=6e-5),
    }
    assert written["data"] == {"dataset": str(coloured), "validation": 30, "skip_unreadable": False}


def test_the_command_line_takes_the_place_of_the_spec(cli: Cli, in_colour: Path, tmp_path: Path) -> None:
    other = write_shapes(tmp_path / "others", test=30)
    outcome = cli(
        "train", in_colour, "--dataset", other, "--validation", 24, "--epochs", 1, "--output", tmp_path, "--name", "run"
    )
    run = load_run(tmp_path / "run")
    assert (outcome.code, run.environment.dataset, run.result.n) == (0, str(other), 24)
    assert run.spec.data is not None
    assert (run.spec.data.dataset, run.spec.data.validation) == (str(other), 24)


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_series_repeats_what_a_run_says(jobs: int, cli: Cli, in_colour: Path, coloured: Path, tmp_path: Path) -> None:
    outcome = cli(
        "train", in_colour, "--seeds", 2, "--jobs", jobs, "--epochs", 1, "--output", tmp_path, "--name", "series"
    )
    assert outcome.code == 0, outcome.err
    series = open_run(tmp_path / "series")
    assert series.result.data_digest == load_dataset(str(coloured)).digest
    assert cli("train", "--resume", tmp_path / "series", "--seeds", "5").code == 0


def test_what_is_odd_about_images_is_said_in_every_result(cli: Cli, quick: Path, tmp_path: Path) -> None:
    few = digits(400, 200)
    images, labels = few["train"]
    twins = np.concatenate([images, images[:3]]), np.concatenate([labels, labels[:3]])
    data = write_npz(tmp_path / "odd.npz", {**few, "train": twins})
    outcome = cli("train", quick, "--dataset", data, "--output", tmp_path, "--name", "run", "--json")
    assert (
        "WARNING: 3 training images repeat others, pixel by pixel, such as x_train[0] (0) = x_train[400] (0)\n"
        in outcome.err
    )
    (warning,) = json.loads(outcome.out)["warnings"]
    assert (warning["kind"], warning["repeated"], warning["contradicting"]) == ("TwinsInTraining", 3, 0)
    assert "WARNING: 3 training images repeat others" in cli("evaluate", tmp_path / "run").err


def test_images_that_stand_in_training_and_test_are_an_error(cli: Cli, quick: Path, tmp_path: Path) -> None:
    few = digits(40, 30)
    images, labels = few["test"]
    images[0], labels[0] = few["train"][0][7], 9
    data = write_folders(tmp_path / "leaky", few)
    outcome = cli("train", quick, "--dataset", data, "--output", tmp_path / "runs")
    assert (outcome.code, outcome.out, (tmp_path / "runs").exists()) == (3, "", False)
    assert outcome.err.startswith(f"tinymnist: {data}: 1 image stands in more than one split, such as train/")
    assert outcome.err.endswith(f"remove all but one copy of each; `tinymnist data {data}` lists them\n")


def test_a_set_with_validation_images_of_its_own_holds_those_out(cli: Cli, quick: Path, tmp_path: Path) -> None:
    few = digits(400, 240)
    images, labels = few["test"]
    own = {"test": (images[::3], labels[::3]), "val": (images[1::3], labels[1::3])}
    data = write_folders(tmp_path / "data", {"train": few["train"], **own})
    here = ["train", quick, "--dataset", data, "--output", tmp_path]
    assert cli(*here, "--name", "plain", "--json").out.count('"n": 80') == 1
    assert json.loads(cli(*here, "--validation", 80, "--name", "held", "--json").out)["n"] == 80
    outcome = cli(*here, "--validation", 50)
    assert (outcome.code, outcome.err) == (
        2,
        f"tinymnist: --validation 50: {data} has validation images of its own: --validation 80 scores those\n",
    )


def test_images_that_changed_are_noticed(cli: Cli, in_colour: Path, tmp_path: Path) -> None:
    data = write_shapes(tmp_path / "shapes")
    path = tmp_path / "run"
    with pytest.raises(Interrupted):
        train(load_spec(in_colour), seed=1, dataset=str(data), output=tmp_path, name="run", observer=StopAfter(9))
    moved = next((data / "train" / SHAPES[0]).iterdir())
    moved.rename(data / "train" / SHAPES[1] / "moved.png")
    with pytest.raises(DataError, match="was trained on other images than those that"):
        resume(path)
    (data / "train" / SHAPES[1] / "moved.png").rename(moved)
    resume(path)
    whole = train(load_spec(in_colour), seed=1, dataset=str(data), output=tmp_path, name="whole")
    assert load_run(path).result.weights_sha256 == whole.result.weights_sha256
    shutil.rmtree(data / "test")
    outcome = cli("evaluate", path)
    assert (outcome.code, outcome.err.count("\n"), "was trained on other images" in outcome.err) == (3, 1, True)
    shutil.rmtree(data)
    outcome = cli("evaluate", path)
    gone = f"tinymnist: {path}: was trained on {data}, where nothing is now (seen from the current folder): put it back"
    assert (outcome.code, outcome.err) == (3, f"{gone}, or name others by --dataset\n")


def test_other_images_of_the_same_kind_can_be_evaluated(cli: Cli, in_colour: Path, tmp_path: Path) -> None:
    assert cli("train", in_colour, "--output", tmp_path, "--name", "run", "--seed", 1).code == 0
    elsewhere = write_shapes(tmp_path / "elsewhere", test=60)
    assert json.loads(cli("evaluate", tmp_path / "run", "--dataset", elsewhere, "--json").out)["n"] == 60
    outcome = cli("evaluate", tmp_path / "run", "--dataset", "mnist-5k")
    assert (outcome.code, outcome.err) == (
        2,
        "tinymnist: shapes: input is 3x20x24, mnist-5k has 1x28x28: make the two alike\n",
    )


def test_evaluate_names_the_classes(cli: Cli, in_colour: Path, tmp_path: Path) -> None:
    cli("train", in_colour, "--output", tmp_path, "--name", "run", "--seed", 1)
    lines = cli("evaluate", tmp_path / "run").out.splitlines()
    named = [f"{name} {label}" for label, name in enumerate(sorted(SHAPES))]
    assert [line.strip().startswith(name) for line, name in zip(lines[-3:], named, strict=True)] == [True] * 3
    assert json.loads(cli("evaluate", tmp_path / "run", "--json").out)["class_names"] == sorted(SHAPES)


@pytest.mark.parametrize(
    ("classes", "side"),
    [(10, 8), *(pytest.param(*each, marks=pytest.mark.slow) for each in ((47, 32), (100, 64), (2, 96)))],
)
def test_many_classes_and_other_sizes(classes: int, side: int, cli: Cli, tmp_path: Path) -> None:
    data = write_patches(tmp_path / "patches.npz", classes, 8, 2, side)
    spec = tmp_path / "mine.yaml"
    assert cli("new", spec, "--dataset", data).code == 0
    outcome = cli("train", spec, "--epochs", 2, "--seed", 1, "--output", tmp_path, "--name", "run")
    assert outcome.code == 0, outcome.err
    outcome = cli("evaluate", tmp_path / "run")
    assert (outcome.code, f"on the {2 * classes} test images" in outcome.out) == (0, True)
    assert ("true \\ predicted" in outcome.out) == (classes <= 30)


def test_a_new_spec_suits_the_images(cli: Cli, coloured: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    outcome = cli("new", path, "--dataset", coloured, "--mirror")
    wrote = f"wrote {path}: 2,003 parameters, for 3x20x24 images in 3 classes of {coloured}"
    assert (outcome.code, outcome.out) == (0, f"{wrote}\nnext: tinymnist train {path}\n")
    spec = load_spec(path)
    assert (spec.input.channels, spec.input.height, spec.input.width, spec.classes) == (3, 20, 24, 3)
    assert [step.name for step in spec.train.augment] == ["HorizontalFlip", "ShiftScaleRotate"]
    assert spec.train.normalize.measured
    assert cli("check", path).code == 0


@pytest.mark.slow
def test_a_new_spec_trains_well(cli: Cli, coloured: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    cli("new", path, "--dataset", coloured)
    assert json.loads(cli("train", path, "--seed", 1, "--output", tmp_path, "--json").out)["accuracy"] > 95


@pytest.mark.slow
def test_a_new_spec_reads_pictures_as_it_was_told(cli: Cli, tmp_path: Path) -> None:
    data = write_shapes(tmp_path / "a: b #c")
    (data / "train" / SHAPES[0] / "broken.png").write_bytes(b"no picture")
    path = tmp_path / "mine.yaml"
    outcome = cli("new", path, "--dataset", data)
    assert (outcome.code, path.exists(), "leave it out by --skip-unreadable" in outcome.err) == (3, False, True)
    assert cli("new", path, "--dataset", data, "--skip-unreadable", "--resize", 16, 12).code == 0
    outcome = cli("train", path, "--epochs", 1, "--output", tmp_path, "--name", "run", "--json")
    assert (outcome.code, json.loads(outcome.out)["warnings"]) == (
        0,
        [{"kind": "PicturesSkipped", "folder": str(data), "count": 1, "example": f"train/{SHAPES[0]}/broken.png"}],
    )


def test_options_about_images_need_images(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("new", tmp_path / "x.yaml", "--mirror")
    assert (outcome.code, outcome.err) == (2, "tinymnist: --mirror: is for --dataset: name the images\n")


def test_a_new_spec_for_unequal_classes_balances_them(cli: Cli, tmp_path: Path) -> None:
    few = digits(400, 100)
    images, labels = few["train"]
    kept = (labels != 3) | (np.cumsum(labels == 3) <= 3)
    data = write_npz(tmp_path / "unequal.npz", {**few, "train": (images[kept], labels[kept])})
    outcome = cli("new", tmp_path / "mine.yaml", "--dataset", data)
    assert outcome.err.startswith("WARNING: unequal classes: 40 training images of '0', 3 of '3': accuracy says little")
    assert load_spec(tmp_path / "mine.yaml").train.class_weights == "balanced"


@pytest.mark.slow
def test_images_of_other_classes_are_not_scored(cli: Cli, tmp_path: Path) -> None:
    few = digits(100, 50)
    one, other = (write_folders(tmp_path / name, few, [f"{name}{n}" for n in range(10)]) for name in ("a", "b"))
    spec = tmp_path / "mine.yaml"
    cli("new", spec, "--dataset", one)
    cli("train", spec, "--epochs", 1, "--output", tmp_path, "--name", "run")
    outcome = cli("evaluate", tmp_path / "run", "--dataset", other)
    assert (outcome.code, outcome.err) == (
        2,
        f"tinymnist: {tmp_path}/run: tells class 'a0' where {other} has 'b0': name images of its classes\n",
    )


def test_images_held_out_of_another_order_may_be_known(cli: Cli, quick: Path, tmp_path: Path) -> None:
    data = load_dataset("mnist-5k")
    whole = {
        name: (split.images[:, 0].numpy(), split.labels.numpy())
        for name, split in (("train", data.train), ("test", data.test))
    }
    by_path = write_npz(tmp_path / "same.npz", whole)
    here = ["train", quick, "--validation", 500, "--output", tmp_path, "--epochs", 1]
    assert cli(*here, "--dataset", "mnist-5k", "--name", "named").code == 0
    assert cli(*here, "--dataset", "mnist-5k", "--from", tmp_path / "named", "--name", "more").code == 0
    outcome = cli(*here, "--dataset", by_path, "--from", tmp_path / "named")
    assert (outcome.code, "so it may know images that are scored here" in outcome.err) == (2, True)
    outcome = cli(*here, "--dataset", by_path, "--set", f"train.distill={{teacher: {tmp_path / 'named'}}}")
    assert (outcome.code, "so it may know images that are scored here" in outcome.err) == (2, True)


@pytest.mark.parametrize("name", ["a\x1b[31m", "a\nb", "/".join(["long"] * 240)])
def test_a_path_that_no_record_can_hold_is_refused(name: str, cli: Cli, quick: Path, tmp_path: Path) -> None:
    (tmp_path / name).mkdir(parents=True)
    outcome = cli("train", quick, "--dataset", tmp_path / name, "--output", tmp_path / "runs")
    assert (outcome.code, outcome.err.count("\n"), "cannot be recorded: rename it" in outcome.err) == (2, 1, True)


def test_images_that_a_run_was_trained_on_are_not_scored_under_another_path(
    cli: Cli, quick: Path, tmp_path: Path
) -> None:
    few = digits(400, 200)
    images, labels = few["train"]
    own = write_npz(tmp_path / "own.npz", few)
    assert cli("train", quick, "--dataset", own, "--epochs", 1, "--output", tmp_path, "--name", "run").code == 0
    split = write_npz(tmp_path / "split.npz", {"train": few["test"], "test": (images[:50], labels[:50])})
    known = (
        f"{tmp_path}/run: was trained on 50 of the 50 test images of {split}: score it on images that it does not know"
    )
    outcome = cli("evaluate", tmp_path / "run", "--dataset", split)
    assert (outcome.code, outcome.err.splitlines()[-1]) == (2, f"tinymnist: {known}")
    outcome = cli("train", "--from", tmp_path / "run", "--dataset", split, "--output", tmp_path)
    assert (outcome.code, outcome.err.splitlines()[-1]) == (2, f"tinymnist: {known}")
    own.unlink()
    outcome = cli("evaluate", tmp_path / "run", "--dataset", split)
    assert outcome.code == 0
    assert f"WARNING: {tmp_path}/run: its own images ({own}) are not here as they were" in outcome.err


def test_what_lies_beside_the_folders_is_told(cli: Cli, quick: Path, tmp_path: Path) -> None:
    data = write_folders(tmp_path / "data", digits(100, 50))
    (data / "test").rename(data / "testing")
    outcome = cli("data", data)
    assert outcome.err.splitlines() == [
        f"{data}: passed over 1 thing beside the folders of classes, such as testing",
        "no test set: 20 images, a fifth of each class, are taken for testing",
    ]
    outcome = cli("train", quick, "--dataset", data, "--epochs", 1, "--output", tmp_path)
    assert outcome.err.startswith(f"{data}: passed over 1 thing beside")


def test_the_hint_about_leaks_reads_the_pictures_as_training_did(cli: Cli, tmp_path: Path) -> None:
    data = write_shapes(tmp_path / "shapes")
    one = next((data / "train" / SHAPES[0]).iterdir())
    shutil.copy(one, data / "test" / SHAPES[0] / "copy.png")
    spec = tmp_path / "mine.yaml"
    cli("new", spec, "--dataset", data, "--resize", 16, 12, "--skip-unreadable")
    outcome = cli("train", spec, "--output", tmp_path)
    assert outcome.err.endswith(f"`tinymnist data {data} --resize 16 12 --skip-unreadable` lists them\n")


def test_the_folder_of_kaggle_is_read_as_it_is(cli: Cli, tmp_path: Path) -> None:
    data = write_csv(tmp_path / "kaggle", digits(100, 20))
    lines = (data / "test.csv").read_text().splitlines()
    (data / "test.csv").write_text("\n".join(line.partition(",")[2] for line in lines) + "\n")
    outcome = cli("data", data)
    assert (outcome.code, outcome.err.splitlines()[0]) == (
        0,
        f"{data}: passed over test.csv, which has no column 'label': `predict` reads it",
    )


def test_predictions_of_pictures_of_the_training_set_are_marked(cli: Cli, tmp_path: Path) -> None:
    data = write_folders(tmp_path / "data", digits(100, 50), [f"n{n}" for n in range(10)])
    cli("new", tmp_path / "mine.yaml", "--dataset", data)
    cli("train", tmp_path / "mine.yaml", "--epochs", 1, "--output", tmp_path, "--name", "run")
    outcome = cli("predict", tmp_path / "run", data / "train")
    assert outcome.err.startswith(f"100 files of {data}, which the network was trained on: this accuracy says little")


def test_images_of_several_sizes_are_advised_to_be_small(cli: Cli, tmp_path: Path) -> None:
    data = write_shapes(tmp_path / "shapes", height=60, width=80)
    write_shapes(data / "train" / "more", height=64, width=70)
    outcome = cli("data", data)
    assert outcome.err.endswith("make them alike, as by --resize 26 32\n")


@pytest.mark.parametrize("change", ["another size", "another picture"])
def test_a_run_does_not_start_from_one_of_the_same_path_with_other_images(
    change: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which images are set aside for testing follows from all pixels: others may be, and the first run knows those."""
    monkeypatch.chdir(tmp_path)
    images = np.random.default_rng(0).integers(0, 256, (20, 6, 6), np.uint8)
    labels = np.arange(20) % 2
    write_npz(Path("set.npz"), {"train": (images[:18], labels[:18])})
    Path("net.yaml").write_text(
        "name: net\ninput: {height: SIDE, width: SIDE}\nclasses: 2\nblocks: [{convs: [2], pool: global_average}]\n"
        "data: {dataset: set.npz, resize: SIDE}\ntrain: {epochs: 1, augment: [], engine: torch}\n".replace("SIDE", "6")
    )
    assert cli("train", "net.yaml", "--name", "first").code == 0
    if change == "another size":
        Path("net.yaml").write_text(Path("net.yaml").read_text().replace("6", "5"))
    else:
        write_npz(Path("set.npz"), {"train": (images, labels)})
    outcome = cli("train", "net.yaml", "--name", "second", "--from", "runs/first")
    assert (outcome.code, outcome.err) == (
        2,
        "tinymnist: --from runs/first: was trained on set.npz, all of it, so it may know images that are scored here: "
        "train it on the same data with the same --validation\n",
    )
