"""The same pictures are the same data set, in whatever format, order and under whatever names they lie there."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.support.command_line import Cli
from tests.support.digits import mnist_5k
from tests.support.image_sets import (
    FORMATS,
    Splits,
    Write,
    csv,
    png,
    write_folders,
    write_idx,
    write_npz,
    write_parquet,
)
from tinymnist.data.as_read import AsRead, Part, ReadOptions
from tinymnist.data.assembly import assemble
from tinymnist.data.image_set import ImageSet
from tinymnist.data.sources import read_image_set

MNIST_5K_DIGEST = "ec2c325812b266eee4c9cf33f5626470120c8ca0f467b29f1b5f3705763cbfee"


@pytest.fixture(scope="module")
def digits() -> Splits:
    """All of mnist-5k."""
    train, train_labels, test, test_labels = mnist_5k()
    return {"train": (train, train_labels.astype(np.int64)), "test": (test, test_labels.astype(np.int64))}


@pytest.fixture(scope="module")
def few(digits: Splits) -> Splits:
    """Twenty training images and ten test images of mnist-5k, all classes in both."""
    picks = {"train": (2, 400), "test": (1, 100)}
    rows = {
        split: np.concatenate([_some(digits[split][1], d, n) for d in range(10)]) for split, (n, _) in picks.items()
    }
    return {split: (digits[split][0][chosen], digits[split][1][chosen]) for split, chosen in rows.items()}


def _some(labels: NDArray[np.int64], digit: int, count: int) -> NDArray[np.intp]:
    return np.flatnonzero(labels == digit)[:count]


def same(one: ImageSet, other: ImageSet) -> bool:
    """Whether both have the same digest, and the same bits in the same order."""
    return one.digest == other.digest and all(
        np.array_equal(some.pixels, others.pixels) and np.array_equal(some.labels, others.labels)
        for some, others in zip(one.splits.values(), other.splits.values(), strict=True)
    )


@pytest.mark.parametrize("write", [pytest.param(write, id=name) for name, write in FORMATS.items()])
def test_every_format_gives_the_same_digest_and_the_same_bits(write: Write, digits: Splits, tmp_path: Path) -> None:
    read = read_image_set(str(write(tmp_path / "set", digits)))
    assert read.digest == MNIST_5K_DIGEST
    assert same(read, read_image_set("mnist-5k"))


@pytest.mark.parametrize("name", ["npz", "csv", "parquet", "idx", "folder"])
def test_images_without_a_test_set_are_split_alike_in_every_format(name: str, few: Splits, tmp_path: Path) -> None:
    images, labels = (np.concatenate([few["train"][index], few["test"][index]]) for index in (0, 1))
    folder = tmp_path / "folder"
    write_folders(folder, {"": (images, labels)})
    if name == "npz":
        path = write_npz(tmp_path / "set.npz", {"train": (images, labels)})
    elif name == "csv":
        path = tmp_path / "set.csv"
        path.write_text(csv(images, labels))
    elif name == "parquet":
        path = write_parquet(tmp_path / "set.parquet", [png(image) for image in images], labels.tolist())
    elif name == "idx":
        path = write_idx(tmp_path / "idx", {"train": (images, labels)})
    else:
        path = write_folders(tmp_path / "again", {"": (images[::-1], labels[::-1])})
    read = read_image_set(str(path))
    assert (len(read.train), len(read.test)) == (20, 10)
    assert same(read, read_image_set(str(folder)))


def test_validation_images_are_a_split_of_their_own(few: Splits, tmp_path: Path) -> None:
    three = {**few, "val": (few["test"][0] // 2, few["test"][1])}
    read = [read_image_set(str(FORMATS[name](tmp_path / name.split()[0], three))) for name in FORMATS]
    assert {each.digest for each in read} == {read[0].digest}
    assert read[0].val is not None
    assert len(read[0].val) == 10
    assert read[0].digest != read_image_set(str(write_folders(tmp_path / "two", few))).digest


def test_images_in_colour_are_the_same_in_every_format(few: Splits, tmp_path: Path) -> None:
    colours = np.array([1.0, 0.5, 0.25])
    coloured = {
        split: ((images[..., None] * colours).astype(np.uint8), labels) for split, (images, labels) in few.items()
    }
    read = [read_image_set(str(FORMATS[name](tmp_path / name.split()[0], coloured))) for name in FORMATS]
    assert read[0].shape == (3, 28, 28)
    assert all(same(each, read[0]) for each in read)


def test_a_file_in_colour_that_shows_only_greys_is_grey(few: Splits, tmp_path: Path) -> None:
    tripled = {split: (np.stack([images] * 3, axis=-1), labels) for split, (images, labels) in few.items()}
    plain = read_image_set(str(write_npz(tmp_path / "plain.npz", few)))
    assert same(plain, read_image_set(str(write_folders(tmp_path / "png", tripled))))
    assert same(plain, read_image_set(str(write_npz(tmp_path / "tripled.npz", tripled))))


def test_one_picture_in_colour_makes_three_channels_of_all(few: Splits, tmp_path: Path) -> None:
    root = write_folders(tmp_path / "png", few)
    (root / "train" / "0" / "red.png").write_bytes(png(np.full((28, 28, 3), (255, 0, 0), np.uint8)))
    read = read_image_set(str(root))
    assert read.shape == (3, 28, 28)
    assert (read.test.pixels == read.test.pixels[:, :1]).all()


def test_the_digest_follows_the_shape_the_names_and_the_labels(few: Splits, tmp_path: Path) -> None:
    images, labels = few["train"]
    wide = {split: (some.reshape(-1, 14, 56), them) for split, (some, them) in few.items()}
    relabelled = {**few, "train": (images, np.roll(labels, 1))}
    sets = [
        write_npz(tmp_path / "plain.npz", few),
        write_npz(tmp_path / "wide.npz", wide),
        write_npz(tmp_path / "relabelled.npz", relabelled),
        write_folders(tmp_path / "named", few, [f"class {digit}" for digit in range(10)]),
    ]
    assert len({read_image_set(str(path)).digest for path in sets}) == 4


def test_classes_named_by_numbers_are_sorted_by_value(few: Splits, tmp_path: Path) -> None:
    names = [str(7 * digit) for digit in range(10)]
    read = read_image_set(str(write_folders(tmp_path / "png", few, names)))
    assert read.class_names == tuple(names)
    long = [*(str(digit) for digit in range(9)), "9" * 255]
    labels = [long[label] for label in few["train"][1].tolist()]
    path = write_parquet(tmp_path / "long.parquet", [png(image) for image in few["train"][0]], labels)
    assert read_image_set(str(path)).class_names == tuple(long)
    words = ["9", "10", "b", "a", "é", "C", "z", "y", "x", "w"]
    read = read_image_set(str(write_folders(tmp_path / "words", few, words)))
    assert read.class_names == ("10", "9", "C", "a", "b", "w", "x", "y", "z", "é")


def test_labels_that_leave_numbers_out_are_named_by_their_numbers(few: Splits, tmp_path: Path) -> None:
    from_one = {split: (images, labels + 1) for split, (images, labels) in few.items()}
    read = read_image_set(str(write_idx(tmp_path / "letters", from_one, prefix="emnist-letters-")))
    assert read.class_names == tuple(str(number) for number in range(1, 11))
    assert sorted({*read.train.labels.tolist()}) == list(range(10))
    assert read.digest == read_image_set(str(write_folders(tmp_path / "png", from_one))).digest


def test_one_of_several_idx_sets_is_named_by_its_training_images(few: Splits, tmp_path: Path) -> None:
    write_idx(tmp_path / "idx", few, packed=True, prefix="one-")
    write_idx(tmp_path / "idx", {split: (some // 2, them) for split, (some, them) in few.items()}, prefix="two-")
    read = read_image_set(str(tmp_path / "idx" / "one-train-images-idx3-ubyte.gz"))
    assert same(read, read_image_set(str(write_npz(tmp_path / "set.npz", few))))


def test_class_names_of_the_hub_and_texts_are_names(few: Splits, tmp_path: Path) -> None:
    images, labels = [png(image) for image in few["train"][0]], few["train"][1].tolist()
    names = ["nil", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    declared = write_parquet(tmp_path / "declared.parquet", images, labels, names)
    texts = write_parquet(tmp_path / "texts.parquet", images, [names[label] for label in labels])
    folders = write_folders(tmp_path / "png", {"": few["train"]}, names)
    read = read_image_set(str(folders))
    assert read.class_names == tuple(sorted(names))
    assert same(read, read_image_set(str(declared)))
    assert same(read, read_image_set(str(texts)))


def test_links_within_the_folder_are_read(few: Splits, tmp_path: Path) -> None:
    root = write_folders(tmp_path / "png", few)
    expected = read_image_set(str(root)).digest
    os.rename(root / "train" / "3", root / ".three")
    os.symlink(root / ".three", root / "train" / "3")
    assert read_image_set(str(root)).digest == expected


small_images = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), min_size=12, max_size=40).filter(
    lambda pairs: all(len({pixel for pixel, label in pairs if label == each}) > 1 for each in range(3))
)


@settings(max_examples=60, deadline=None)
@given(pairs=small_images, random=st.randoms(use_true_random=False), names=st.permutations(["x", "y", "z"]))
def test_neither_order_nor_names_of_files_matter(
    pairs: list[tuple[int, int]], random: object, names: list[str]
) -> None:
    """Few pixels, so that twins and contradictions abound."""
    shuffled = [*pairs]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = (
        assemble(
            "set",
            AsRead(
                {
                    "train": Part(
                        np.array([[[pixel]] for pixel, _ in some], np.uint8),
                        np.array([label for _, label in some]),
                        [f"{prefix}{index}" for index in range(len(some))],
                    )
                }
            ),
            ReadOptions(),
        )
        for some, prefix in ((pairs, "a"), (shuffled, names[0]))
    )
    assert same(one, other)
    assert one.leaks == ()
    assert len(one.train) + len(one.test) == len(pairs)


@pytest.mark.parametrize(("images", "tested"), [(2, 1), (5, 1), (7, 1), (8, 2), (12, 2), (13, 3), (100, 20)])
def test_a_fifth_of_each_class_is_for_testing(images: int, tested: int, tmp_path: Path) -> None:
    pixels = np.arange(2 * images, dtype=np.uint8).reshape(-1, 1, 1)
    path = write_npz(tmp_path / "set.npz", {"train": (pixels, np.repeat([0, 1], images))})
    assert read_image_set(str(path)).test.count_by_class(2) == [tested, tested]


def test_an_image_that_stands_under_several_labels_is_for_training(tmp_path: Path) -> None:
    pixels = np.concatenate([np.arange(12), np.arange(2, 14)]).astype(np.uint8).reshape(-1, 1, 1)
    path = write_npz(tmp_path / "set.npz", {"train": (pixels, np.repeat([0, 1], 12))})
    read = read_image_set(str(path))
    assert sorted(read.test.pixels.flatten().tolist()) == [0, 1, 12, 13]


def test_a_split_leaks_nothing_where_images_repeat(cli: Cli, few: Splits, tmp_path: Path) -> None:
    """Twins stay on one side, and what contradicts itself is for training."""
    root = write_folders(tmp_path / "png", {"": few["train"]})
    for twin in list(root.rglob("*.png")):
        (twin.parent / f"copy of {twin.name}").write_bytes(twin.read_bytes())
    contradiction = next((root / "3").iterdir())
    (root / "8" / "wrong.png").write_bytes(contradiction.read_bytes())
    outcome = cli("data", root, "--json")
    content = json.loads(outcome.out)
    assert (outcome.code, content["leaks"]) == (0, [])
    assert content["train"]["images"] + content["test"]["images"] == 41
