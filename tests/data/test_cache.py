"""Decoded pictures are cached: what is found is what was decoded, whatever changes is noticed, and nothing depends on
the cache."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from numpy.typing import NDArray

from tests.support.command_line import Cli
from tests.support.image_sets import FORMATS, Write, png, write_folders, write_parquet
from tinymnist import sealed
from tinymnist.data import cache, contents
from tinymnist.data.as_read import ReadOptions
from tinymnist.data.contents import Contents
from tinymnist.data.image_set import ImageSet
from tinymnist.data.image_set_arrays import arrays_of
from tinymnist.data.sources import read_image_set
from tinymnist.errors import DataError, ImageError
from tinymnist.sealed_cache import KEY

IMAGES = np.arange(40 * 6, dtype=np.uint8).reshape(40, 2, 3)
LABELS = np.tile([0, 1], 20)
NAMES = ["cat", "dog"]
DEEP = png(np.zeros((2, 3), np.uint16))
"""A picture with 16 bits per channel."""
SPLITS = {"train": (IMAGES[:20], LABELS[:20]), "test": (IMAGES[20:30], LABELS[20:30])}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and the pictures' folder as the current one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return cache.CACHE.folder


@pytest.fixture
def pets() -> Path:
    return write_folders(Path("pets"), SPLITS, NAMES)


def read(path: Path, resize: tuple[int, int] | None = None, skip_unreadable: bool = False) -> tuple[ImageSet, int]:
    """The data set, and how many of its pictures were decoded."""
    done = [0]
    options = ReadOptions(resize, skip_unreadable, lambda decoded, total: done.append(decoded))
    return read_image_set(str(path), options=options), done[-1]


def decoded(path: Path, skip_unreadable: bool = False) -> int:
    return read(path, skip_unreadable=skip_unreadable)[1]


def assert_equal(one: ImageSet, other: ImageSet) -> None:
    """Asserts that both are the same in every field and every bit."""
    for name in ("name", "class_names", "digest", "leaks", "notices", "shape"):
        assert getattr(one, name) == getattr(other, name)
    assert one.splits.keys() == other.splits.keys()
    for split, images in one.splits.items():
        others = other.splits[split]
        assert (images.hashes, images.origins) == (others.hashes, others.origins)
        for array, another in ((images.pixels, others.pixels), (images.labels, others.labels)):
            assert (array.dtype, array.shape) == (another.dtype, another.shape)
            assert array.flags.writeable
            assert np.array_equal(array, another)


# What is found


def odd(root: Path) -> Path:
    """Everything that is said of pictures, and two leaks."""
    write_folders(root, SPLITS, NAMES)
    for number in range(30):
        (root / "train" / "dog" / f"twin{number}.png").write_bytes(png(IMAGES[1]))
    (root / "test" / "dog" / "leak.png").write_bytes(png(IMAGES[0]))
    (root / "test" / "dog" / "too.png").write_bytes(png(IMAGES[1]))
    (root / "train" / "cat" / "deep.png").write_bytes(DEEP)
    (root / "train" / "cat" / "clear.png").write_bytes(png(np.full((2, 3, 4), 9, np.uint8)))
    (root / "train" / "cat" / "broken.png").write_bytes(b"")
    (root / "train" / "cat" / "notes.txt").touch()
    (root / "train" / "elk").mkdir()
    (root / "train" / "elk" / "é.png").write_bytes(png(IMAGES[30]))
    return root


SETS: dict[str, Callable[[Path], Path]] = {
    "folders": lambda root: write_folders(root, SPLITS, NAMES),
    "without a test set": lambda root: write_folders(root, {"": SPLITS["train"]}),
    "with validation": lambda root: write_folders(root, {**SPLITS, "val": (IMAGES[30:], LABELS[30:])}),
    "in colour": lambda root: write_folders(root, {"": (IMAGES.reshape(20, 2, 2, 3), LABELS[:20])}),
    "with much to say": odd,
    "Parquet": lambda root: FORMATS["Parquet"](root, SPLITS),
    "a Parquet file": lambda root: write_parquet(
        root.with_suffix(".parquet"), [png(image) for image in IMAGES], LABELS.tolist(), ["ab", "\ud7ff"]
    ),
}


@pytest.mark.parametrize("resize", [None, (5, 4)], ids=["as they are", "resized"])
@pytest.mark.parametrize("write", [pytest.param(write, id=name) for name, write in SETS.items()])
def test_what_is_found_is_what_was_decoded(write: Callable[[Path], Path], resize: tuple[int, int] | None) -> None:
    path = write(Path("set"))
    first, pictures = read(path, resize, skip_unreadable=True)
    again, none = read(path, resize, skip_unreadable=True)
    assert pictures > 0
    assert none == 0
    assert_equal(again, first)


def test_everything_that_is_said_is_said_again() -> None:
    """So that the test above compares each kind of notice."""
    said = {type(notice).__name__ for notice in read(odd(Path("set")), skip_unreadable=True)[0].notices}
    assert said == {
        *("FilesPassedOver", "PicturesSkipped", "SixteenBitsScaled", "TransparencyFilled"),
        *("TwinsInTraining", "ClassesUnequal", "ClassesUntested"),
    }


@pytest.mark.parametrize("name", ["npz of Keras", "IDX", "CSV", "mnist-5k"])
def test_what_needs_no_decoding_is_not_cached(name: str, folder: Path) -> None:
    write: Write = FORMATS.get(name, lambda root, splits: Path(name))
    square = {split: (images[:, :, :2], labels) for split, (images, labels) in SPLITS.items()}
    read_image_set(str(write(Path("set"), square)))
    assert not folder.exists()


def test_no_bar_is_shown_where_nothing_is_decoded(cli: Cli, pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinymnist.cli.decoding.shows_bars", lambda: True)
    first, again = cli("data", pets), cli("data", pets)
    assert "images" in first.err
    assert (again.code, again.out, again.err) == (0, first.out, "")


def test_neither_place_nor_time_matters(pets: Path) -> None:
    (pets / "train" / "cat" / "deep.png").write_bytes(DEEP)
    (pets / "train" / "cat" / "notes.txt").touch()
    first, _ = read(pets)
    shutil.copytree(pets, "copy", copy_function=shutil.copyfile)
    again, pictures = read(Path("copy"))
    assert pictures == 0
    assert again.name == "copy"
    assert [getattr(notice, "folder", None) for notice in again.notices] == ["copy", "copy"]
    assert again.digest == first.digest


def test_what_is_written_into_images_stays_in_this_process(pets: Path) -> None:
    """They are mapped, not copied."""
    first, _ = read(pets)
    read(pets)[0].train.pixels[:] = 0
    again, pictures = read(pets)
    assert pictures == 0
    assert_equal(again, first)


# What is noticed


def changed_in_place(pets: Path) -> None:
    """Another picture of the same size and time."""
    path, before = pets / "train" / "cat" / "0.png", os.stat(pets / "train" / "cat" / "0.png")
    content = png(255 - IMAGES[0])
    assert len(content) == before.st_size
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: dict[str, Callable[[Path], object]] = {
    "changed": changed_in_place,
    "added": lambda pets: (pets / "train" / "cat" / "new.png").write_bytes(png(IMAGES[39])),
    "removed": lambda pets: (pets / "train" / "cat" / "0.png").unlink(),
    "renamed": lambda pets: (pets / "train" / "cat" / "0.png").rename(pets / "train" / "cat" / "00.png"),
    "moved to another class": lambda pets: (pets / "train/cat/0.png").rename(pets / "train/dog/0.png"),
    "moved to another split": lambda pets: (pets / "train/cat/0.png").rename(pets / "test/cat/00.png"),
    "swapped": lambda pets: (pets / "train/cat/0.png").write_bytes((pets / "train/cat/2.png").read_bytes()),
    "a class renamed": lambda pets: [(pets / split / "cat").rename(pets / split / "fox") for split in SPLITS],
    "a split renamed": lambda pets: (pets / "test").rename(pets / "val"),
}


@pytest.mark.parametrize("change", [pytest.param(change, id=name) for name, change in CHANGES.items()])
def test_a_change_is_noticed(change: Callable[[Path], object], pets: Path) -> None:
    shutil.copytree(pets, "before")
    assert (decoded(pets), decoded(pets)) == (30, 0)
    change(pets)
    changed, pictures = read(pets)
    assert pictures == len(changed.train) + len(changed.test) + len(changed.val or ())
    expected, origins = read(pets)[0], sorted(str(path.relative_to(pets)) for path in pets.rglob("*.png"))
    assert_equal(changed, expected)
    assert sorted(origin for images in changed.splits.values() for origin in images.origins) == origins
    assert decoded(Path("before")) == 0


def test_a_change_of_a_parquet_file_is_noticed() -> None:
    write_parquet(Path("set.parquet"), [png(image) for image in IMAGES], LABELS.tolist())
    assert (decoded(Path("set.parquet")), decoded(Path("set.parquet"))) == (40, 0)
    write_parquet(Path("set.parquet"), [png(image) for image in IMAGES], (1 - LABELS).tolist())
    assert decoded(Path("set.parquet")) == 40
    Path("set.parquet").rename("other.parquet")
    assert decoded(Path("other.parquet")) == 40
    assert read(Path("other.parquet"))[0].test.origins[0].startswith("other.parquet:")


def test_other_options_decode_again(pets: Path) -> None:
    every: list[dict[str, Any]] = [{}, {"resize": (4, 4)}, {"resize": (4, 5)}, {"skip_unreadable": True}]
    for options in every:
        assert (read(pets, **options)[1], read(pets, **options)[1]) == (30, 0)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("tinymnist.data.cache.CACHE", replace(cache.CACHE, format="another")),
        ("tinymnist.data.cache.__version__", "another"),
        ("PIL.__version__", "another"),
    ],
)
def test_another_version_decodes_again(name: str, other: object, pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (decoded(pets), decoded(pets)) == (30, 0)
    monkeypatch.setattr(name, other)
    assert (decoded(pets), decoded(pets)) == (30, 0)


def test_what_is_passed_over_is_told_of_and_decodes_nothing_again(cli: Cli, pets: Path) -> None:
    assert cli("data", pets).err == ""
    (pets / "train" / "cat" / "notes.txt").touch()
    (pets / "train" / "cat" / ".hidden").touch()
    assert decoded(pets) == 0
    assert cli("data", pets).err == ("pets: passed over 1 file not named as PNG or JPEG, such as train/cat/notes.txt\n")


def test_a_damaged_picture_is_refused_every_time(cli: Cli, pets: Path) -> None:
    whole = decoded(pets)
    (pets / "train" / "cat" / "0.png").write_bytes(b"")
    refusals = {cli("data", pets) for _ in range(2)}
    assert [refusal.code for refusal in refusals] == [3]
    assert (decoded(pets, skip_unreadable=True), decoded(pets, skip_unreadable=True)) == (whole, 0)
    assert cli("data", pets).code == 3


def test_a_link_out_of_the_folder_is_refused_although_its_picture_is_known(cli: Cli, pets: Path) -> None:
    assert decoded(pets) == 30
    (pets / "train" / "cat" / "0.png").rename("outside.png")
    (pets / "train" / "cat" / "0.png").symlink_to(Path("outside.png").absolute())
    outcome = cli("data", pets)
    assert outcome.code == 3
    assert "is a link that leads out of the data set" in outcome.err


# What was hashed is what is decoded


@pytest.mark.parametrize("name", ["folders", "Parquet"])
def test_files_beyond_memory_are_read_again(name: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    path = SETS[name](Path("set"))
    kept, _ = read(path)
    shutil.rmtree(folder)
    monkeypatch.setattr(contents, "KEPT_BYTES", 0)
    again, pictures = read(path)
    assert pictures == 30
    assert_equal(again, kept)


def plain(path: str) -> bytes:
    if not os.path.exists(path):
        raise ImageError("is gone")
    return Path(path).read_bytes()


@pytest.mark.parametrize("change", [lambda path: path.write_text("two"), Path.unlink], ids=["changed", "removed"])
def test_a_file_that_changes_meanwhile_is_refused(
    change: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path("file")
    path.write_text("one")
    kept = Contents(["file"], plain)
    monkeypatch.setattr(contents, "KEPT_BYTES", 2)
    read_again = Contents(["file"], plain)
    assert (kept[0], read_again[0]) == (b"one", b"one")
    change(path)
    assert kept[0] == b"one"
    with pytest.raises(DataError, match=r"^file: has changed while the data set was read: "):
        read_again[0]


def test_a_file_that_could_not_be_read_is_not_read_later() -> None:
    late = Contents(["file"], plain)
    Path("file").write_text("one")
    assert late.digests == ["is gone"]
    with pytest.raises(ImageError, match="is gone"):
        late[0]


# What is wrong with the cache


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def of_another_format(path: Path) -> None:
    header, arrays = sealed.read_sealed(path, cache.CACHE.format)
    sealed.write_sealed(path, "another", {KEY: header[KEY]}, arrays)


def of_another_set(path: Path) -> None:
    other = write_folders(Path("other"), {"": (255 - IMAGES, LABELS)})
    data, _ = read(other)
    sealed.write_sealed(path, cache.CACHE.format, {KEY: "another"}, arrays_of(data))


def with_other(name: str, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Callable[[Path], None]:
    """With one array changed, and sealed again."""

    def harm(path: Path) -> None:
        header, arrays = sealed.read_sealed(path, cache.CACHE.format)
        arrays[name] = change(arrays[name])
        sealed.write_sealed(path, cache.CACHE.format, {KEY: header[KEY]}, arrays)

    return harm


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut short": cut,
    "a bit flipped": flipped,
    "empty": lambda path: path.write_bytes(b""),
    "zeros": lambda path: path.write_bytes(bytes(100)),
    "text": lambda path: path.write_text("something else"),
    "a pickle": lambda path: path.write_bytes(b"\x80\x04K\x01."),
    "tensors without a seal": lambda path: safetensors.numpy.save_file({"a": IMAGES}, path),
    "another format": of_another_format,
    "another set": of_another_set,
    "labels of another type": with_other("train.labels", lambda labels: labels.astype(np.float64)),
    "labels missing": with_other("train.labels", lambda labels: labels[1:]),
    "pixels of another type": with_other("train.pixels", lambda pixels: pixels.view(np.int8)),
    "no facts": with_other("facts", lambda facts: np.frombuffer(b"{}", np.uint8)),
    "facts that are not JSON": with_other("facts", lambda facts: facts[1:]),
    "a folder": a_folder,
    "a pipe": a_pipe,
}


@pytest.mark.parametrize("harm", [pytest.param(harm, id=name) for name, harm in DAMAGES.items()])
def test_a_damaged_cache_is_decoded_again_and_replaced(
    harm: Callable[[Path], object], pets: Path, folder: Path, cli: Cli
) -> None:
    first, _ = read(pets)
    (path,) = folder.iterdir()
    harm(path)
    again, pictures = read(pets)
    assert pictures == 30
    assert_equal(again, first)
    assert decoded(pets) == (30 if path.is_dir() else 0)
    outcome = cli("data", pets)
    assert (outcome.code, outcome.err) == (0, "")


def test_without_a_cache_everything_works(pets: Path, folder: Path, cli: Cli) -> None:
    folder.parent.parent.mkdir()
    folder.parent.touch()
    assert (decoded(pets), decoded(pets)) == (30, 30)
    outcome = cli("data", pets)
    assert (outcome.code, outcome.err) == (0, "")


def test_nobody_else_may_look_into_the_cache(pets: Path, folder: Path) -> None:
    read(pets)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_what_was_not_used_for_long_makes_room(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sets = [write_folders(Path(str(number)), {"": (IMAGES + number, LABELS)}) for number in range(4)]
    for each in sets[:2]:
        read(each)
    left = folder / ".abandoned.tmp"
    left.write_bytes(bytes(100))
    os.utime(left, (0, 0))
    size = max(path.stat().st_size for path in folder.iterdir())
    monkeypatch.setattr(cache, "CACHE", replace(cache.CACHE, limit=3 * size))
    assert decoded(sets[0]) == 0  # the second is now the one that was not used for longest
    read(sets[2])
    assert not left.exists()
    assert len([*folder.iterdir()]) == 3
    read(sets[3])
    assert [decoded(each) for each in (sets[0], sets[2], sets[3])] == [0, 0, 0]
    assert decoded(sets[1]) == 40


def test_what_others_keep_in_the_folder_stays(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the cache is a link to a folder on a large disk."""
    precious = tmp_path / "disk" / "thesis.txt"
    precious.parent.mkdir()
    precious.write_text("ten years of work")
    os.utime(precious, (0, 0))
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.symlink_to(precious.parent)
    monkeypatch.setattr(cache, "CACHE", replace(cache.CACHE, limit=1))
    for number in range(3):
        read(write_folders(Path(str(number)), {"": (IMAGES + number, LABELS)}))
    assert precious.read_text() == "ten years of work"
    assert len([*folder.glob("*.safetensors")]) == 1


@pytest.mark.slow
def test_processes_at_once_do_no_harm(pets: Path, folder: Path) -> None:
    command = [sys.executable, "-m", "tinymnist", "data", str(pets), "--json"]
    for _ in range(3):
        children = [
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)
        ]
        outcomes = {(*child.communicate(), child.returncode) for child in children}
        ((_, err, code),) = outcomes
        assert (err, code) == ("", 0)
        assert [path.suffix for path in folder.iterdir()] == [".safetensors"]
        assert decoded(pets) == 0
        shutil.rmtree(folder)


def test_a_cache_that_others_may_fill_is_neither_read_nor_written(folder: Path) -> None:
    root = write_folders(Path("set"), {"": (IMAGES, LABELS)})
    assert [decoded(root), decoded(root)] == [len(IMAGES), 0]
    folder.chmod(0o777)
    held = sorted(folder.iterdir())
    assert decoded(root) == len(IMAGES)
    held[0].unlink()
    assert (decoded(root), [*folder.iterdir()]) == (len(IMAGES), [])
