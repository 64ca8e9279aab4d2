"""Networks of one's own data: pictures are prepared as training saw them, and answers are the names of classes."""

import hashlib
import json
import re
import shutil
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

import tinymnist
from tests.support.command_line import Cli
from tests.support.digits import mnist_5k
from tests.support.image_sets import write_folders
from tests.support.own_networks import HEIGHT, NAMES, WIDTH, colours, save, train_on, write_pictures
from tinymnist.data import load_dataset
from tinymnist.data.as_read import ReadOptions
from tinymnist.prediction import predict_each

ORDER = tuple(sorted(NAMES))
RESIZE = f"resize: [{HEIGHT}, {WIDTH}]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("own")


@pytest.fixture(scope="module")
def pets(folder: Path) -> Path:
    """The data set: folders of pictures in colour, of all kinds and sizes."""
    return write_pictures(folder / "data" / "pets", {"train": 20, "test": 6})


@pytest.fixture(scope="module")
def run(folder: Path, pets: Path) -> Path:
    return train_on(pets, folder, (3, HEIGHT, WIDTH), data=RESIZE)


@pytest.fixture(scope="module")
def grey_run(folder: Path) -> Path:
    return train_on(
        write_pictures(folder / "data" / "greys", {"train": 8, "test": 2}, grey=True),
        folder,
        (1, HEIGHT, WIDTH),
        data=RESIZE,
        epochs=1,
    )


def pixels_of(found: list[tinymnist.Prediction]) -> list[bytes]:
    """The pixels that the network was given, channel by channel."""
    return [(each.picture if each.picture.ndim == 2 else each.picture.transpose(2, 0, 1)).tobytes() for each in found]


@pytest.mark.parametrize("kind", ["colour", "grey"])
def test_a_picture_of_the_data_set_gives_the_pixels_that_training_saw(
    kind: str, request: pytest.FixtureRequest
) -> None:
    path = request.getfixturevalue("run" if kind == "colour" else "grey_run")
    trained = tinymnist.load_run(path)
    data = load_dataset(trained.environment.dataset, None, lambda _: None, ReadOptions(resize=(HEIGHT, WIDTH)))
    for split, images in (("train", data.train), ("test", data.test)):
        found = tinymnist.predict(trained, [Path(trained.environment.dataset) / split])
        expected = [
            (image.numpy().tobytes(), int(label)) for image, label in zip(images.images, images.labels, strict=True)
        ]
        assert sorted(zip(pixels_of(found), [each.label for each in found], strict=True)) == sorted(expected)
        assert {each.picture.shape for each in found} == {(HEIGHT, WIDTH, 3) if kind == "colour" else (HEIGHT, WIDTH)}


def test_without_resize_pictures_of_that_size_stay_as_they_are(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 255, (12, 8, 8), np.uint8)
    data = write_folders(
        tmp_path / "data" / "plain", {"train": (images, np.arange(12) % 2), "test": (255 - images, np.arange(12) % 2)}
    )
    run = train_on(data, tmp_path, (1, 8, 8), classes=2, epochs=1)
    found = tinymnist.predict(run, [data / "train"])
    assert sorted(pixels_of(found)) == sorted(image.tobytes() for image in images)


def test_answers_are_class_names(cli: Cli, run: Path, pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pets / "test")
    outcome = cli("predict", run, "grün/20.png", "red, or so/20.png")
    head, *rows = outcome.out.splitlines()
    assert (outcome.code, outcome.err) == (0, "")
    assert head == "file               class       top three"
    percent = r"[ \d]{3}\.\d %"
    others = rf"(red, or so|blue) +{percent}   (red, or so|blue) +{percent}"
    assert re.fullmatch(rf"grün/20\.png {{8}}grün {{8}}grün {{7}}{percent}   {others}", rows[0])
    assert rows[1].startswith("red, or so/20.png  red, or so  red, or so ")


def test_a_folder_of_class_folders_is_scored(cli: Cli, run: Path, pets: Path) -> None:
    last = cli("predict", run, pets / "test").out.splitlines()[-1]
    figures = re.fullmatch(
        r"accuracy (\d+\.\d\d) % of 18 pictures in folders named by their classes \(95 % Wilson interval .*\)", last
    )
    assert figures is not None
    assert float(figures[1]) == pytest.approx(json.loads(cli("evaluate", run, "--json").out)["accuracy"], abs=0.01)


def test_json_has_names_in_place_of_digits(cli: Cli, run: Path, pets: Path) -> None:
    content = json.loads(cli("predict", run, pets / "test", "--json", "--show").out)
    evaluated = json.loads(cli("evaluate", run, "--json").out)
    assert content["class_names"] == list(ORDER)
    assert (content["accuracy"], content["n"]) == (pytest.approx(evaluated["accuracy"]), 18)
    (expected, *_) = tinymnist.predict(run, [pets / "test"])
    assert content["files"][0] == {
        "file": expected.file,
        "class_name": expected.class_name,
        "probability": max(expected.probabilities),
        "top": [
            {"class_name": ORDER[label], "probability": expected.probabilities[label]} for label in expected.top(3)
        ],
        "probabilities": list(expected.probabilities),
        "picture": expected.picture.tolist(),
        "label": ORDER.index(Path(expected.file).parent.name),
        "true_class": Path(expected.file).parent.name,
    }
    assert expected.digit is None


def test_an_unusable_picture_has_its_class_and_counts_as_wrong(cli: Cli, run: Path, pets: Path, tmp_path: Path) -> None:
    shutil.copytree(pets / "test" / "grün", tmp_path / "set" / "grün")
    (tmp_path / "set" / "grün" / "bad.png").write_bytes(b"")
    outcome = cli("predict", run, tmp_path / "set", "--json")
    content = json.loads(outcome.out)
    (bad,) = [each for each in content["files"] if "error" in each]
    assert (outcome.code, content["n"], bad["label"], bad["true_class"]) == (1, 7, ORDER.index("grün"), "grün")
    assert outcome.err == f"tinymnist: {tmp_path}/set/grün/bad.png: is empty\n"


def test_folder_names_are_compared_whatever_their_unicode_form(cli: Cli, run: Path, pets: Path, tmp_path: Path) -> None:
    shutil.copytree(pets / "test" / "grün", tmp_path / "set" / unicodedata.normalize("NFD", "grün"))
    assert json.loads(cli("predict", run, tmp_path / "set", "--json").out)["n"] == 6


def test_a_picture_at_any_depth_below_its_class_is_scored(cli: Cli, run: Path, pets: Path, tmp_path: Path) -> None:
    shutil.copytree(pets / "test" / "grün", tmp_path / "set" / "grün" / "more" / "blue")
    content = json.loads(cli("predict", run, tmp_path / "set", "--json").out)
    assert {each["true_class"] for each in content["files"]} == {"grün"}


def test_a_picture_beside_the_class_folders_is_not_scored(cli: Cli, run: Path, pets: Path, tmp_path: Path) -> None:
    shutil.copytree(pets / "test", tmp_path / "set")
    save(tmp_path / "set" / "blue.x", colours(0, 0), 0)
    assert "accuracy" not in json.loads(cli("predict", run, tmp_path / "set", "--json").out)


def test_a_grey_picture_is_repeated_for_a_network_in_colour(run: Path, tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH), np.uint8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    (found,) = tinymnist.predict(run, [tmp_path / "grey.png"])
    assert np.array_equal(found.picture, np.stack([grey] * 3, axis=-1))


def test_a_picture_in_colour_is_made_grey_for_a_grey_network(grey_run: Path, tmp_path: Path) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8))
    image.save(tmp_path / "colour.png")
    (found,) = tinymnist.predict(grey_run, [tmp_path / "colour.png"])
    assert np.array_equal(found.picture, np.asarray(image.convert("L")))


@pytest.mark.parametrize(("name", "size"), [("photo.png", (4000, 3000)), ("photo.jpg", (8000, 6000))], ids=["12", "48"])
def test_photographs_of_many_megapixels_are_read(name: str, size: tuple[int, int], run: Path, tmp_path: Path) -> None:
    image = Image.new("RGB", size, (20, 20, 20))
    image.paste((20, 240, 20), (200, 200, size[0] - 200, size[1] - 200))
    image.save(tmp_path / name, compress_level=1)
    (found,) = tinymnist.predict(run, [tmp_path / name])
    assert found.class_name == "grün"
    assert found.picture[HEIGHT // 2, WIDTH // 2, 1] >= 235


def test_webp_is_read(run: Path, tmp_path: Path) -> None:
    Image.fromarray(colours(1, 0)).save(tmp_path / "a.webp", lossless=True)
    Image.fromarray(colours(1, 0)).save(tmp_path / "a.png")
    first, second = pixels_of(tinymnist.predict(run, [tmp_path]))
    assert first == second


BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty"),
    "text": (b"a dog\n", "is not a PNG, JPEG or WebP picture, or its first bytes are damaged"),
    "HEIC": (b"\0\0\0\x18ftypheic" + bytes(20), "is a HEIC picture, which cannot be read here: save it as JPEG"),
}


@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD.keys())
def test_what_is_no_picture_is_one_line(content: bytes, message: str, cli: Cli, run: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(content)
    outcome = cli("predict", run, tmp_path / "bad.png")
    assert (outcome.code, outcome.out, outcome.err) == (2, "", f"tinymnist: {tmp_path}/bad.png: {message}\n")


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_bomb_is_refused_before_it_is_decoded(mode: str, cli: Cli, run: Path, tmp_path: Path) -> None:
    Image.new(mode, (4000, 4001)).save(tmp_path / "bomb.png", compress_level=1)
    outcome = cli("predict", run, tmp_path / "bomb.png")
    line = f"tinymnist: {tmp_path}/bomb.png: 4,000 x 4,001 pixels are more than 16 megapixels: save it smaller\n"
    assert (outcome.code, outcome.err) == (2, line)


def test_many_is_refused(cli: Cli, run: Path) -> None:
    outcome = cli("predict", run, "a.png", "--many")
    line = f"tinymnist: --many: {run} takes whole pictures, as it was trained: leave it out\n"
    assert (outcome.code, outcome.err) == (2, line)


def test_show_draws_grey_levels(cli: Cli, run: Path, tmp_path: Path) -> None:
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[:, :5] = 255
    Image.fromarray(pixels).save(tmp_path / "half.png")
    _, _, *lines = cli("predict", run, tmp_path / "half.png", "--show").out.splitlines()
    assert lines == ["@" * 5] * (HEIGHT // 2)


def edited(run: Path, folder: Path, **data: Any) -> Path:
    """A copy of a run whose record of its data says something else."""
    path = Path(shutil.copytree(run, folder / "edited"))
    record = json.loads((path / "environment.json").read_text(encoding="utf-8"))
    record["data"] |= data
    (path / "environment.json").write_text(json.dumps(record), encoding="utf-8")
    return path


def test_names_of_classes_cannot_steer_the_terminal(cli: Cli, run: Path, pets: Path, tmp_path: Path) -> None:
    odd = edited(run, tmp_path, class_names=["\u202eevil", "\u200b", "9" * 255])
    outcome = cli("predict", odd, pets / "test" / "grün" / "20.png")
    assert (outcome.code, len(outcome.out.splitlines())) == (0, 2)
    assert "\\u202eevil" in outcome.out
    assert not {"\u202e", "\u200b"} & set(outcome.out)


def test_too_few_names_of_classes_are_damage(cli: Cli, run: Path, tmp_path: Path) -> None:
    outcome = cli("predict", edited(run, tmp_path, class_names=["a", "b"]), "a.png")
    line = "damaged (it names 2 classes, its network has 3): copy the run again\n"
    assert (outcome.code, outcome.err) == (3, f"tinymnist: {tmp_path}/edited: {line}")


@pytest.mark.parametrize("value", [float("nan"), 3e38], ids=["NaN", "overflow"])
@pytest.mark.parametrize("of", ["a picture", "a row"])
def test_outputs_that_are_not_numbers_are_damage(
    of: str, value: float, cli: Cli, run: Path, pets: Path, tmp_path: Path
) -> None:
    path = Path(shutil.copytree(run, tmp_path / "run"))
    tensors = load_file(path / "weights.safetensors")
    tensors["head.linear.weight"].fill_(value)
    save_file(tensors, path / "weights.safetensors")
    result = json.loads((path / "result.json").read_text())
    result["weights_sha256"] = hashlib.sha256((path / "weights.safetensors").read_bytes()).hexdigest()
    (path / "result.json").write_text(json.dumps(result))
    count = 3 * HEIGHT * WIDTH
    (tmp_path / "row.csv").write_text(f"{','.join(map(str, range(count)))}\n{','.join(['200'] * count)}\n")
    image = pets / "test" / "blue" / "20.png" if of == "a picture" else tmp_path / "row.csv"
    outcome = cli("predict", path, image)
    line = f"{path}: damaged: its network's outputs are not finite numbers: train it or copy it again"
    assert (outcome.code, outcome.out, outcome.err) == (3, "", f"tinymnist: {line}\n")


# Letters, which are prepared as MNIST's digits were


@pytest.fixture(scope="module")
def letters(folder: Path) -> Path:
    """A run on two of MNIST's digits, which are called letters."""
    images, labels, *_ = mnist_5k()
    chosen = np.flatnonzero((labels == 0) | (labels == 1))[::10]
    pictures, names = images[chosen], labels[chosen]
    splits = {"train": (pictures[::2], names[::2]), "test": (pictures[1::2], names[1::2])}
    data = write_folders(folder / "data" / "letters", splits, ["o", "l"])
    return train_on(data, folder, (1, 28, 28), classes=2, data="prepare: mnist", epochs=1)


def on_paper(tmp_path: Path) -> Path:
    page = np.full((200, 200), 255, np.uint8)
    page[40:160, 95:110] = 0
    Image.fromarray(page).save(tmp_path / "l.png")
    return tmp_path / "l.png"


def test_letters_are_prepared_as_mnists_digits(cli: Cli, letters: Path, tmp_path: Path) -> None:
    (found,) = tinymnist.predict(letters, [on_paper(tmp_path)])
    assert np.array_equal(found.picture, tinymnist.predict("smooth675", [tmp_path / "l.png"])[0].picture)
    outcome = cli("predict", letters, tmp_path / "l.png")
    assert outcome.out.splitlines()[0].split() == ["file", "class", "top", "two"]


def test_many_letters_are_read(letters: Path, tmp_path: Path) -> None:
    page = np.asarray(Image.open(on_paper(tmp_path)))
    Image.fromarray(np.concatenate([page, page], 1)).save(tmp_path / "ll.png")
    found = tinymnist.predict(letters, [tmp_path / "ll.png"], many=True)
    assert [each.box is not None for each in found] == [True, True]


def test_nothing_that_is_said_of_letters_names_a_digit(cli: Cli, letters: Path, tmp_path: Path) -> None:
    Image.new("L", (50, 50), 255).save(tmp_path / "white.png")
    Image.new("L", (4000, 4001), 255).save(tmp_path / "large.png", compress_level=1)
    outcome = cli("predict", letters, tmp_path / "white.png", tmp_path / "large.png", on_paper(tmp_path), tmp_path)
    assert outcome.code == 1
    assert "digit" not in outcome.out + outcome.err
    assert "no character to be seen" in outcome.err


def test_of_a_digit_network_the_answers_stay_digits(tmp_path: Path) -> None:
    (found,) = predict_each("smooth675", [on_paper(tmp_path)])
    assert isinstance(found, tinymnist.Prediction)
    assert (found.digit, found.class_name, found.class_names) == (1, "1", tuple("0123456789"))
