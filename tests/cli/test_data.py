"""`data`: what it tells of a data set, and what it finds wrong."""

import hashlib
import json
import os
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.command_line import Cli
from tests.support.image_sets import png, write_folders, write_npz
from tinymnist.data.as_read import AsRead, Part, ReadOptions
from tinymnist.data.assembly import assemble
from tinymnist.data.contact_sheet import contact_sheet
from tinymnist.data.sources import read_image_set

IMAGES = np.arange(40, dtype=np.uint8).reshape(10, 2, 2)
LABELS = np.tile([0, 1], 5)
NAMES = ["cat", "dog"]


@pytest.fixture
def pets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six training images, two for validation, two for testing; the folder above it is the current one."""
    monkeypatch.chdir(tmp_path)
    splits = {
        "train": (IMAGES[:6], LABELS[:6]),
        "val": (IMAGES[6:8], LABELS[6:8]),
        "test": (IMAGES[8:], LABELS[8:]),
    }
    write_folders(tmp_path / "pets", splits, NAMES)
    return Path("pets")


def described_digest() -> str:
    """The digest of `pets`, by its description in docs/data.md."""
    head = b'{"shape":[1,2,2],"class_names":["cat","dog"],"images":{"train":6,"test":2,"val":2}}\n'
    digest = hashlib.sha256(head)
    for members in (range(6), range(8, 10), range(6, 8)):
        pictures = sorted((hashlib.sha256(IMAGES[index].tobytes()).digest(), int(LABELS[index])) for index in members)
        for pixels, label in pictures:
            digest.update(pixels + bytes([0, 0, 0, label]))
    return digest.hexdigest()


DIGEST = described_digest()


def test_it_tells_shape_classes_counts_and_digest(cli: Cli, pets: Path) -> None:
    outcome = cli("data", pets)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == (
        "pets: images of 2x2 pixels, grey, in 2 classes\n"
        "class  train  test  val\n"
        "cat        3     1    1\n"
        "dog        3     1    1\n"
        "all        6     2    2\n"
        f"digest {DIGEST}\n"
    )


def test_the_same_as_json(cli: Cli, pets: Path) -> None:
    assert json.loads(cli("data", pets, "--json").out) == {
        "schema_version": 1,
        "dataset": "pets",
        "digest": DIGEST,
        "shape": [1, 2, 2],
        "class_names": NAMES,
        "train": {"images": 6, "by_class": {"cat": 3, "dog": 3}},
        "test": {"images": 2, "by_class": {"cat": 1, "dog": 1}},
        "val": {"images": 2, "by_class": {"cat": 1, "dog": 1}},
        "leaks": [],
        "warnings": [],
    }


def test_a_published_data_set_is_told_of_by_name(cli: Cli) -> None:
    content = json.loads(cli("data", "mnist-5k", "--json").out)
    assert content["dataset"] == "mnist-5k"
    assert content["class_names"] == [str(digit) for digit in range(10)]
    assert (content["train"]["images"], content["test"]["images"]) == (4000, 1000)
    assert "val" not in content


def test_images_in_two_splits_are_leaks_whatever_their_labels(cli: Cli, pets: Path) -> None:
    (pets / "test" / "dog" / "old.png").write_bytes((pets / "train" / "dog" / "1.png").read_bytes())
    (pets / "test" / "dog" / "wrong.png").write_bytes((pets / "train" / "cat" / "0.png").read_bytes())
    (pets / "test" / "cat" / "tuned.png").write_bytes((pets / "val" / "cat" / "0.png").read_bytes())
    outcome = cli("data", pets)
    assert (outcome.code, outcome.err) == (1, "")
    head, *lines = outcome.out.splitlines()[-4:]
    assert head == "LEAK: 3 images stand in more than one split: remove all but one copy of each:"
    assert sorted(lines) == [
        "test/cat/tuned.png (test, cat) = val/cat/0.png (val, cat)",
        "train/cat/0.png (train, cat) = test/dog/wrong.png (test, dog)",
        "train/dog/1.png (train, dog) = test/dog/old.png (test, dog)",
    ]
    leaks = json.loads(cli("data", pets, "--json").out)["leaks"]
    assert [
        {"split": "train", "class_name": "cat", "origin": "train/cat/0.png"},
        {"split": "test", "class_name": "dog", "origin": "test/dog/wrong.png"},
    ] in leaks
    assert len(leaks) == 3


def test_many_leaks_are_cut_short_and_counted(cli: Cli, tmp_path: Path) -> None:
    path = write_npz(tmp_path / "set.npz", {"train": (IMAGES, LABELS), "test": (IMAGES, LABELS)})
    lines = cli("data", path).out.splitlines()
    assert lines[-1] == "... and 5 more (--json lists all)"
    assert "x_train[0] (train, 0) = x_test[0] (test, 0)" in json_lines(cli, path)


def json_lines(cli: Cli, path: Path) -> list[str]:
    leaks = json.loads(cli("data", path, "--json").out)["leaks"]
    return [" = ".join(f"{each['origin']} ({each['split']}, {each['class_name']})" for each in leak) for leak in leaks]


def test_twins_within_training_are_warned_of(cli: Cli, pets: Path) -> None:
    for number, name in enumerate(["cat/0.png", "cat/0.png", "dog/1.png", "dog/1.png"]):
        (pets / "train" / "dog" / f"twin{number}.png").write_bytes((pets / "train" / name).read_bytes())
    outcome = cli("data", pets)
    assert outcome.code == 0
    twins = "train/cat/0.png (cat) = train/dog/twin0.png (dog)"
    said = "4 training images repeat others, pixel by pixel; 3 stand under several labels"
    assert outcome.err == f"WARNING: {said}, such as {twins}\n"


def test_unequal_classes_and_classes_without_a_test_are_warned_of(cli: Cli, tmp_path: Path) -> None:
    images = np.arange(22, dtype=np.uint8).reshape(-1, 1, 1)
    train = (images, np.array([0] * 2 + [1] * 20))
    path = write_npz(tmp_path / "set.npz", {"train": train, "test": (images[:1] + 99, np.array([1]))})
    outcome = cli("data", path)
    assert outcome.code == 0
    assert outcome.err == (
        "WARNING: unequal classes: 20 training images of '1', 2 of '0': accuracy says little about "
        "small classes, and `train.class_weights: balanced` gives them more weight\n"
        "WARNING: 1 class has no test image: '0'\n"
    )


def test_classes_that_differ_less_are_not(cli: Cli, tmp_path: Path) -> None:
    images = np.arange(21, dtype=np.uint8).reshape(-1, 1, 1)
    train = (images, np.array([0] * 2 + [1] * 19))
    path = write_npz(tmp_path / "set.npz", {"train": train, "test": (images[:2] + 99, np.array([0, 1]))})
    assert cli("data", path).err == ""


def test_what_was_done_to_pictures_is_said(cli: Cli, pets: Path) -> None:
    deep = np.array([[0, 65_535], [0, 65_535]], np.uint16)
    (pets / "train" / "cat" / "deep.png").write_bytes(png(deep))  # type: ignore[arg-type]
    Image.new("LA", (2, 2), (7, 99)).save(pets / "train" / "cat" / "clear.png")
    (pets / "train" / "cat" / "notes.txt").touch()
    (pets / "train" / "cat" / ".hidden").touch()
    outcome = cli("data", pets, "--json")
    assert outcome.err == (
        "pets: passed over 1 file not named as PNG or JPEG, such as train/cat/notes.txt\n"
        "WARNING: pets: 1 picture with 16 bits per channel, scaled to 8\n"
        "WARNING: pets: 1 picture with transparent parts, put on white\n"
    )
    warnings = json.loads(outcome.out)["warnings"]
    assert [each["kind"] for each in warnings] == ["FilesPassedOver", "SixteenBitsScaled", "TransparencyFilled"]
    assert [each["message"] for each in warnings] == outcome.err.splitlines()


def test_resize_makes_pictures_alike(cli: Cli, pets: Path) -> None:
    Image.new("RGB", (300, 100), (9, 0, 0)).save(pets / "train" / "cat" / "large.jpg")
    assert cli("data", pets).code == 3
    content = json.loads(cli("data", pets, "--resize", 8, 6, "--json").out)
    assert content["shape"] == [3, 8, 6]
    assert content["train"]["images"] == 7


def test_resize_gives_the_same_pixels_from_every_format(pets: Path, tmp_path: Path) -> None:
    options = ReadOptions(resize=(5, 9))
    whole = {"train": (IMAGES, LABELS)}
    folders = read_image_set(str(write_folders(tmp_path / "png", {"": whole["train"]})), options=options)
    assert folders.digest == read_image_set(str(write_npz(tmp_path / "set.npz", whole)), options=options).digest
    assert folders.shape == (1, 5, 9)


def test_a_contact_sheet_shows_each_class(cli: Cli, pets: Path) -> None:
    outcome = cli("data", pets, "--output", "sheet.png")
    assert outcome.out.endswith("\nwrote sheet.png\n")
    with Image.open("sheet.png") as sheet:
        pixels = np.asarray(sheet.convert("L"))
    for image in IMAGES[:6]:
        enlarged = image.repeat(28, 0).repeat(28, 1)
        places = np.lib.stride_tricks.sliding_window_view(pixels, enlarged.shape)
        assert (places == enlarged).all(axis=(2, 3)).sum() == 1


def test_a_contact_sheet_of_a_thousand_classes_is_bounded(tmp_path: Path) -> None:
    images = np.arange(4000, dtype=np.uint16).view(np.uint8).reshape(4000, 1, 2)
    names = [f"a class with a long name, number {number}" for number in range(1000)]
    part = Part(images, np.arange(4000) % 1000, ["somewhere"] * 4000)
    data = assemble("many", AsRead({"train": part}, tuple(names)), ReadOptions())
    with Image.open(BytesIO(contact_sheet(data))) as picture:
        width, height = picture.size
    assert (height < 2_500, width * height < 25_000_000) == (True, True)


def test_pictures_are_decoded_with_progress(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(pets.absolute().with_name("cache")))
    seen: list[tuple[int, int]] = []
    read_image_set(str(pets), options=ReadOptions(progress=lambda done, total: seen.append((done, total))))
    assert seen == [(10, 10)]


@pytest.mark.parametrize("name", [b"\xffset", b"\x1b[31mset"], ids=["not UTF-8", "control characters"])
def test_the_path_of_a_data_set_may_be_anything(name: bytes, cli: Cli, pets: Path) -> None:
    (pets / "train" / "cat" / "notes.txt").touch()
    strange = os.fsdecode(name)
    os.rename(pets, strange)
    outcome = cli("data", strange, "--json", "--output", f"{strange}.png")
    assert outcome.code == 0
    content = json.loads(outcome.out)
    assert content["digest"] == DIGEST
    assert content["warnings"][0]["message"] == outcome.err.removesuffix("\n")
    assert content["file"].isprintable()
