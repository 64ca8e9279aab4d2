"""Data sets that cannot be used: one line that says what, where, and what to do; exit code 3, or 2 for a wrong name."""

import datetime
import gzip
import io
import json
import os
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.command_line import Cli
from tests.support.image_sets import csv, idx, png, write_folders, write_idx, write_npz, write_parquet

NOISE = np.random.default_rng(0).integers(0, 256, (20, 20), np.uint8)
IMAGES = np.arange(12 * 4, dtype=np.uint8).reshape(12, 2, 2)
LABELS = np.tile(np.arange(2), 6)
TRAIN = {"train": (IMAGES, LABELS)}
BOTH = {"train": (IMAGES, LABELS), "test": (IMAGES[:4] + 100, LABELS[:4])}


def folders(tmp: Path) -> Path:
    """A good data set of class folders named 0 and 1, to be harmed."""
    return write_folders(tmp / "set", BOTH)


def with_file(name: str, content: bytes) -> Callable[[Path], Path]:
    def make(tmp: Path) -> Path:
        root = folders(tmp)
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
        return root

    return make


def of_size(height: int, width: int) -> bytes:
    return png(np.zeros((height, width), np.uint8))


def bomb() -> bytes:
    """A PNG that claims 30,000 x 30,000 pixels."""
    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(30_001))), (b"IEND", b"")]
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def emptied(tmp: Path) -> Path:
    root = folders(tmp)
    (root / "train" / "2").mkdir()
    return root


def only(name: str) -> Callable[[Path], Path]:
    """Without everything but one folder."""

    def make(tmp: Path) -> Path:
        return folders(tmp) / name

    return make


def one_class(tmp: Path) -> Path:
    return write_folders(tmp / "set", {"": (IMAGES, np.zeros(12, np.int64))})


def many_classes(tmp: Path) -> Path:
    images = np.arange(1001, dtype=np.uint16).view(np.uint8).reshape(1001, 1, 2)
    return write_folders(
        tmp / "set", {"train": (images, np.arange(1001)), "test": (255 - images[:1], np.zeros(1, np.int64))}
    )


def empty_folder(tmp: Path) -> Path:
    (tmp / "set").mkdir()
    return tmp / "set"


def link_out(tmp: Path) -> Path:
    (tmp / "elsewhere.png").write_bytes(of_size(2, 2))
    root = folders(tmp)
    os.symlink(tmp / "elsewhere.png", root / "train" / "0" / "link.png")
    return root


def linked_class(tmp: Path) -> Path:
    write_folders(tmp / "elsewhere", TRAIN)
    root = folders(tmp)
    os.symlink(tmp / "elsewhere" / "train" / "1", root / "train" / "link")
    return root


def linked_split(tmp: Path) -> Path:
    root = folders(tmp)
    os.rename(root / "test", tmp / "elsewhere")
    os.symlink(tmp / "elsewhere", root / "test")
    return root


def bytes_name(tmp: Path) -> Path:
    root = folders(tmp)
    os.mkdir(os.fsencode(root / "train") + b"/\xff\xfe")
    return root


def pipe(tmp: Path) -> Path:
    root = folders(tmp)
    os.mkfifo(root / "train" / "0" / "pipe.png")
    return root


def npz(**arrays: object) -> Callable[[Path], Path]:
    def make(tmp: Path) -> Path:
        np.savez(tmp / "set.npz", **{"x_train": IMAGES, "y_train": LABELS, **arrays})  # type: ignore[arg-type]
        return tmp / "set.npz"

    return make


def raw_npz(content: bytes) -> Callable[[Path], Path]:
    """An archive whose `x_train` has this content."""

    def make(tmp: Path) -> Path:
        labels = io.BytesIO()
        np.save(labels, LABELS)
        with zipfile.ZipFile(tmp / "set.npz", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x_train.npy", content)
            archive.writestr("y_train.npy", labels.getvalue())
        return tmp / "set.npz"

    return make


def npy_head(shape: str) -> bytes:
    head = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head


def npz_bomb(tmp: Path) -> Path:
    """Declares three gigabytes, by a changed entry of the directory."""
    path = raw_npz(npy_head("(9,)") + bytes(9))(tmp)
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        size = struct.pack("<I", archive.getinfo("x_train.npy").file_size)
    at = content.index(b"PK\x01\x02")
    path.write_bytes(content[: at + 24] + struct.pack("<I", 3 << 30) + content[at + 28 :])
    assert content[at + 24 : at + 28] == size
    return path


def cut_npz(tmp: Path) -> Path:
    path = npz()(tmp)
    path.write_bytes(path.read_bytes()[:300])
    return path


def labels_of(*labels: object) -> Callable[[Path], Path]:
    return npz(y_train=np.array(labels * (12 // len(labels))))


def idx_with(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], Path]:
    def make(tmp: Path) -> Path:
        root = write_idx(tmp / "set", BOTH)
        (root / name).write_bytes(change((root / name).read_bytes()))
        return root

    return make


def idx_without(name: str) -> Callable[[Path], Path]:
    def make(tmp: Path) -> Path:
        root = write_idx(tmp / "set", BOTH)
        (root / name).unlink()
        return root

    return make


def packed_idx(content: bytes) -> Callable[[Path], Path]:
    def make(tmp: Path) -> Path:
        root = write_idx(tmp / "set", BOTH, packed=True)
        (root / "train-images-idx3-ubyte.gz").write_bytes(content)
        return root

    return make


def two_idx_sets(tmp: Path) -> Path:
    write_idx(tmp / "set", BOTH, prefix="a-")
    return write_idx(tmp / "set", BOTH, prefix="b-")


def without_training(tmp: Path) -> Path:
    write_idx(tmp / "set", {"test": BOTH["test"]}, prefix="a-")
    return write_idx(tmp / "set", {"test": BOTH["test"]}, prefix="b-")


def csv_with(change: Callable[[list[str]], object]) -> Callable[[Path], Path]:
    """A CSV file with lines changed in place."""

    def make(tmp: Path) -> Path:
        lines = csv(IMAGES, LABELS).splitlines()
        change(lines)
        (tmp / "set.csv").write_text("\n".join(lines) + "\n")
        return tmp / "set.csv"

    return make


def cell(line: int, column: int, text: str) -> Callable[[Path], Path]:
    def change(lines: list[str]) -> None:
        cells = lines[line - 1].split(",")
        cells[column] = text
        lines[line - 1] = ",".join(cells)

    return csv_with(change)


def csv_bytes(content: bytes) -> Callable[[Path], Path]:
    def make(tmp: Path) -> Path:
        (tmp / "set.csv").write_bytes(content)
        return tmp / "set.csv"

    return make


def parquet(images: list[object], labels: list[object], names: list[str] | None = None) -> Callable[[Path], Path]:
    return lambda tmp: write_parquet(tmp / "set.parquet", images, labels, names)


PNGS: list[object] = [png(image) for image in IMAGES]


def mixed_labels(tmp: Path) -> Path:
    (tmp / "set").mkdir()
    write_parquet(tmp / "set" / "train-0.parquet", PNGS, ["a", "b"] * 6)
    write_parquet(tmp / "set" / "train-1.parquet", PNGS, LABELS.tolist())
    return tmp / "set"


def different_names(tmp: Path) -> Path:
    (tmp / "set").mkdir()
    write_parquet(tmp / "set" / "train.parquet", PNGS, LABELS.tolist(), ["a", "b"])
    write_parquet(tmp / "set" / "test.parquet", PNGS, LABELS.tolist(), ["b", "a"])
    return tmp / "set"


def other_images(tmp: Path) -> Path:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table({"image": [1], "label": [1]}), tmp / "set.parquet")
    return tmp / "set.parquet"


def cut_parquet(tmp: Path) -> Path:
    path = write_parquet(tmp / "set.parquet", PNGS, LABELS.tolist())
    path.write_bytes(path.read_bytes()[:-20])
    return path


def garbled_parquet(tmp: Path) -> Path:
    """Its footer is whole, its pages are not."""
    path = write_parquet(tmp / "set.parquet", PNGS, LABELS.tolist())
    content = path.read_bytes()
    path.write_bytes(content[:4] + bytes(300) + content[304:])
    return path


def bytes_column(tmp: Path) -> Path:
    path = write_parquet(tmp / "set.parquet", PNGS, LABELS.tolist(), store_schema=False)
    path.write_bytes(path.read_bytes().replace(b"label", b"l\xc8bel"))
    return path


def other_columns(tmp: Path) -> Path:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table({"img": [1], "label": [1]}), tmp / "set.parquet")
    return tmp / "set.parquet"


def floats(array: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.divide(array, 255, dtype=np.float32)


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    # folders
    "images of different sizes": (
        with_file("train/0/wide.png", of_size(2, 3)),
        "{set}: images of 2 sizes: 2x2 (16), 2x3 (1): make them alike, as by --resize 2 2",
    ),
    "images over 96x96": (
        lambda tmp: write_folders(tmp / "set", {"": (np.zeros((8, 200, 100), np.uint8), LABELS[:8])}),
        "{set}: images of 200x100 pixels: 96x96 are the most: make them smaller, as by --resize 32 16",
    ),
    "a damaged picture": (
        with_file("train/0/broken.png", png(NOISE)[:300]),
        "{set}/train/0/broken.png: damaged picture (image file is truncated",
    ),
    "an empty file": (
        with_file("train/0/empty.png", b""),
        "{set}/train/0/empty.png: is empty: replace what is damaged, or leave it out by --skip-unreadable",
    ),
    "text named as a picture": (
        with_file("train/0/text.jpg", b"text"),
        "{set}/train/0/text.jpg: is not a PNG or JPEG picture, or its first bytes are damaged: replace what is "
        "damaged, or leave it out by --skip-unreadable",
    ),
    "a pipe": (pipe, "{set}/train/0/pipe.png: is not a plain file: replace"),
    "one class": (one_class, "{set}: holds images of one class only: a classifier needs two: add another"),
    "1,001 classes": (many_classes, "{set}: holds 1,001 classes: 1,000 are the most"),
    "an empty class folder": (
        emptied,
        "{set}/train/2: holds no PNG or JPEG picture: add some, or remove the folder",
    ),
    "a class in test that training lacks": (
        with_file("test/cat/1.png", of_size(2, 2)),
        "{set}: class 'cat' has no training image, but test/cat/1.png is one of test: add some, or remove the class",
    ),
    "a test set without training": (
        lambda tmp: write_folders(tmp / "set", {"test": (IMAGES, LABELS)}),
        "{set}: holds test/ or val/, but no train/: name the training images' folder train",
    ),
    "class folders that differ in case": (
        lambda tmp: write_folders(tmp / "set", {"": (IMAGES, LABELS)}, ["cat", "Cat"]),
        "{set}: class folders 'Cat' and 'cat' differ only in case: rename or merge them",
    ),
    "class folders that differ in composition": (
        lambda tmp: write_folders(tmp / "set", {"": (IMAGES, LABELS)}, ["\u00e9", "e\u0301"]),
        "{set}: class folders 'e\u0301' and '\u00e9' differ only in case: rename or merge them",
    ),
    "a link out of the folder": (
        link_out,
        "{set}/train/0/link.png: is a link that leads out of the data set: put the files themselves there",
    ),
    "a class that is a link": (linked_class, "{set}/train/link: is a link that leads out of the data set: put"),
    "a split that is a link": (linked_split, "{set}/test: is a link that leads out of the data set: put"),
    "a class with a control character": (
        with_file("train/a\x1b[31m/1.png", of_size(2, 2)),
        "{set}/train/a\\x1b[31m: the name has control characters: rename it",
    ),
    "a file with a line break": (
        with_file("train/0/a\nb.png", of_size(2, 2)),
        "{set}/train/0/a\\nb.png: the name has control characters: rename it",
    ),
    "a class whose name is not UTF-8": (bytes_name, "{set}/train/\\udcff\\udcfe: the name is not UTF-8: rename it"),
    "a bomb": (
        with_file("train/0/bomb.png", bomb()),
        "{set}/train/0/bomb.png: is more than 16 megapixels: save it smaller",
    ),
    "an empty folder": (
        empty_folder,
        "{set}: holds no folder of pictures for each class, nor another data set that is known here",
    ),
    "pictures without class folders": (only("train/0"), "{set}/train/0: holds no folder of pictures for each class"),
    # npz
    "labels that are negative": (
        labels_of(0, -1),
        "{set}.npz: y_train: label 2 is -1: expects whole numbers, 0 to 999",
    ),
    "labels that are fractional": (
        labels_of(0, 1, 1.5),
        "{set}.npz: y_train: label 3 is 1.5: expects whole numbers, 0 to 999",
    ),
    "labels that are not numbers": (
        labels_of(0.0, float("nan")),
        "{set}.npz: y_train: label 2 is nan: expects whole numbers, 0 to 999",
    ),
    "labels beyond": (labels_of(0, 1000), "{set}.npz: y_train: label 2 is 1000: expects whole numbers, 0 to 999"),
    "labels for several things": (
        npz(y_train=np.zeros((12, 14), np.uint8)),
        "{set}.npz: y_train: has shape 12 x 14: expects one label per image",
    ),
    "more labels than images": (
        npz(y_train=np.tile(LABELS, 2)),
        "{set}.npz: y_train: has 24 labels for 12 images: expects one per image",
    ),
    "labels as text": (
        npz(y_train=np.array(["a", "b"] * 6)),
        "{set}.npz: y_train: holds <U1: save plain numbers",
    ),
    "an array of objects": (
        npz(x_train=np.array([{}] * 12, dtype=object)),
        "{set}.npz: x_train: holds Python objects, which are never unpickled: save plain numbers",
    ),
    "pixels from 0 to 1": (
        npz(x_train=floats(IMAGES)),
        "{set}.npz: x_train: pixels of type float32: expects whole numbers from 0 to 255, as by",
    ),
    "pixels beyond 255": (
        npz(x_train=IMAGES.astype(np.int32) * 9),
        "{set}.npz: x_train: pixels from 0 to 423: expects 0 to 255",
    ),
    "four channels": (
        npz(x_train=np.zeros((12, 2, 2, 4), np.uint8)),
        "{set}.npz: x_train: has shape 12 x 2 x 2 x 4: expects N x height x width, and x 1 or x 3 channels at the end",
    ),
    "no images": (
        npz(x_train=IMAGES[:0], y_train=LABELS[:0]),
        "{set}.npz: holds no images for train: add some",
    ),
    "a class in the test array that training lacks": (
        npz(x_test=IMAGES[:2] + 90, y_test=np.array([0, 7])),
        "{set}.npz: class '7' has no training image, but x_test[1] is one of test: add some, or remove the class",
    ),
    "labels missing": (
        npz(x_test=IMAGES),
        "{set}.npz: y_test: is missing: save images and labels together",
    ),
    "other arrays": (
        lambda tmp: write_npz(tmp / "set.npz", TRAIN, "pictures_{}"),
        "{set}.npz: holds pictures_train, y_train: expects x_train, y_train, x_test, y_test, or train_images",
    ),
    "an npz cut short": (cut_npz, "{set}.npz: is not an .npz file, or damaged ("),
    "an array that claims more than there is": (
        raw_npz(npy_head("(999999, 999999, 999999)") + bytes(9)),
        "{set}.npz: x_train: has 9 bytes of uint8 for shape (999999, 999999, 999999): save it again",
    ),
    "an npz bomb": (npz_bomb, "{set}.npz: x_train: unpacks to 3,221,225,472 bytes, more than 2,147,483,648: leave"),
    "an array that is none": (raw_npz(b"cos\nsystem\n"), "{set}.npz: x_train: is not a plain array: save it by"),
    # IDX
    "IDX cut short": (
        idx_with("train-images-idx3-ubyte", lambda content: content[:-1]),
        "{set}/train-images-idx3-ubyte: holds fewer bytes than the 64 that it declares: get it again",
    ),
    "IDX with more": (
        idx_with("test-labels-idx1-ubyte", lambda content: content + b"0"),
        "{set}/test-labels-idx1-ubyte: holds more bytes than the 12 that it declares: get it again",
    ),
    "IDX of other numbers": (
        idx_with("train-images-idx3-ubyte", lambda content: b"\x00\x00\x0d" + content[3:]),
        "{set}/train-images-idx3-ubyte: is not an IDX file of unsigned bytes: get it again",
    ),
    "empty IDX": (
        idx_with("train-images-idx3-ubyte", lambda _: b""),
        "{set}/train-images-idx3-ubyte: is not an IDX file of unsigned bytes: get it again",
    ),
    "IDX of a length that is too large": (
        idx_with("train-images-idx3-ubyte", lambda content: content[:4] + b"\xff" * 12),
        "{set}/train-images-idx3-ubyte: 79,228,162,458,924,105,385,300,197,391 bytes, more than 2,147,483,648: leave",
    ),
    "IDX with labels missing": (
        idx_without("test-labels-idx1-ubyte"),
        "{set}: holds no IDX file of the labels for test: put it beside the others",
    ),
    "IDX with fewer labels": (
        idx_with("train-labels-idx1-ubyte", lambda _: idx(LABELS[:5])),
        "{set}/train-labels-idx1-ubyte: has 5 labels for 12 images: expects one per image",
    ),
    "several IDX sets": (
        two_idx_sets,
        "{set}: holds 2 data sets: name one by its training images, such as {set}/a-train-images-idx3-ubyte",
    ),
    "several IDX sets without training images": (
        without_training,
        "{set}: holds 2 data sets: name one by its training images, such as {set}/",
    ),
    "damaged gzip": (packed_idx(b"no gzip"), "{set}/train-images-idx3-ubyte.gz: damaged ("),
    "a gzip bomb": (
        packed_idx(gzip.compress(idx(IMAGES) + bytes(1 << 24))),
        "{set}/train-images-idx3-ubyte.gz: holds more bytes than the 64 that it declares: get it again",
    ),
    # CSV
    "a missing pixel": (
        cell(5, 3, ""),
        "{set}.csv: line 5, column pixel2: expects a whole number from 0 to 255, found ''",
    ),
    "a line cut short": (
        csv_with(lambda lines: lines.__setitem__(12, "1,2,3")),
        "{set}.csv: line 13 has 3 values, the first line 5: complete it",
    ),
    "a pixel over 255": (
        cell(2, 1, "256"),
        "{set}.csv: line 2, column pixel0: expects a whole number from 0 to 255, found '256'",
    ),
    "a negative pixel": (
        cell(2, 1, "-1"),
        "{set}.csv: line 2, column pixel0: expects a whole number from 0 to 255, found '-1'",
    ),
    "a label as text": (
        cell(3, 0, "seven"),
        "{set}.csv: line 3, column label: expects a whole number from 0 to 999, found 'seven'",
    ),
    "a fractional label": (
        cell(3, 0, "1.5"),
        "{set}.csv: line 3, column label: expects a whole number from 0 to 999, found '1.5'",
    ),
    "a negative label": (
        cell(3, 0, "-1"),
        "{set}.csv: line 3, column label: expects a whole number from 0 to 999, found '-1'",
    ),
    "a label beyond the classes": (
        cell(3, 0, "1000"),
        "{set}.csv: line 3, column label: expects a whole number from 0 to 999, found '1000'",
    ),
    "no column of labels": (
        csv_with(lambda lines: lines.__setitem__(0, "digit,p0,p1,p2,p3")),
        "{set}.csv: its first line names no column 'label': expects label,pixel0,pixel1,...",
    ),
    "pixels that make no square": (
        csv_bytes(b"label,a,b\n1,2,3\n"),
        "{set}.csv: has 2 columns besides 'label': expects one per pixel of a square image, or three in colour",
    ),
    "a CSV without images": (csv_bytes(b"label,a\n"), "{set}.csv: holds no images for train: add some"),
    "an empty CSV": (csv_bytes(b""), "{set}.csv: its first line names no column 'label': expects label,pixel0,"),
    "a CSV that is not text": (csv_bytes(b"label,a\n\xff,\x00\n"), "{set}.csv: is not CSV in UTF-8 ("),
    # Parquet
    "a Parquet file cut short": (cut_parquet, "{set}.parquet: is not Parquet, or damaged ("),
    "a garbled Parquet file": (garbled_parquet, "{set}.parquet: is not Parquet, or damaged ("),
    "a column whose name is not UTF-8": (bytes_column, "{set}.parquet: is not Parquet, or damaged ("),
    "other columns": (other_columns, "{set}.parquet: has the columns img, label: expects image and label"),
    "a cell without a picture": (
        parquet([*PNGS[:11], None], LABELS.tolist()),
        "set.parquet:11: has no bytes of a PNG or JPEG picture: replace what is damaged, or leave it out by",
    ),
    "a missing label": (
        parquet(PNGS, [*LABELS.tolist()[:11], None]),
        "{set}.parquet: rows from 0: labels are not all text, nor all numbers: give every image one",
    ),
    "a Parquet file without rows": (parquet([], []), "{set}.parquet: holds no images for train: add some"),
    "labels as text in one file, as numbers in another": (
        mixed_labels,
        "{set}/train-1.parquet: rows from 0: labels are not all text, nor all numbers: give every image one",
    ),
    "a name declared twice": (
        parquet(PNGS, LABELS.tolist(), ["a", "a"]),
        "{set}.parquet: declares the class name 'a' twice: give each class its own",
    ),
    "a declared name with a control character": (
        parquet(PNGS, LABELS.tolist(), ["a", "\x1b"]),
        "{set}.parquet: class '\\x1b': the name has control characters: rename it",
    ),
    "different names in two files": (
        different_names,
        "{set}: its files declare different class names: name one of them alone",
    ),
    "labels that are dates": (
        parquet(PNGS, [datetime.date(2000, 1, 1)] * 12),
        "{set}.parquet: label holds date32[day]: expects whole numbers or text",
    ),
    "images as numbers": (
        other_images,
        "{set}.parquet: image holds int64: expects encoded pictures",
    ),
    "a label beyond its names": (
        parquet(PNGS, [*LABELS.tolist()[:11], 2], ["a", "b"]),
        "{set}.parquet: rows from 0: label 12 is 2: expects whole numbers, 0 to 1",
    ),
    "an empty name of the hub": (
        parquet(PNGS, LABELS.tolist(), ["a", " "]),
        "{set}.parquet: class ' ': a class has an empty name: give it one",
    ),
    "an empty label": (
        parquet(PNGS, ["a", ""] * 6),
        "{set}.parquet: rows from 0: a class has an empty name: give it one",
    ),
    "a long label": (
        parquet(PNGS, ["a", "b" * 256] * 6),
        "{set}.parquet: rows from 0: the name of a class has 256 characters: 255 are the most",
    ),
    "names of the hub that look the same": (
        parquet(PNGS, LABELS.tolist(), ["\u00e9", "e\u0301"]),
        "{set}.parquet: declares the class name '\u00e9' twice: give each class its own",
    ),
    "labels that look the same": (
        parquet(PNGS, ["\u00e9", "e\u0301"] * 6),
        "{set}.parquet: holds images of one class only: a classifier needs two: add another",
    ),
    "very many names of the hub": (
        parquet(PNGS, LABELS.tolist(), [str(number) for number in range(100_000)]),
        "{set}.parquet: declares 100,000 class names: 1,000 are the most",
    ),
    "a name of the hub without images": (
        parquet(PNGS, LABELS.tolist(), ["a", "b", "c"]),
        "{set}.parquet: class 'c' has no training image: add some, or remove the class",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "line"), [pytest.param(*row, id=name) for name, row in BAD.items()])
def test_bad_data_is_one_line_and_exit_code_3(
    make: Callable[[Path], Path], line: str, cli: Cli, tmp_path: Path
) -> None:
    outcome = cli("data", make(tmp_path))
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (3, "", 1), outcome
    assert line.replace("{set}", str(tmp_path / "set")) in outcome.err


WRONG: dict[str, tuple[list[str], str]] = {
    "a name that is not known": (
        ["mnits"],
        "mnits: no such file or folder, nor a data set that is known by name: did you mean 'mnist'?",
    ),
    "nothing": ([""], "PATH|NAME: is empty: name a folder, a file or a data set"),
    "another kind of file": (
        ["set.txt"],
        "set.txt: is not a data set: expects a folder, or a file named .npz, .csv, .parquet or ...-idx3-ubyte",
    ),
    "a size of nothing": (["x", "--resize", "0", "28"], "--resize 0 28: expects height and width from 1 to 96 pixels"),
    "a size beyond": (["x", "--resize", "28", "97"], "--resize 28 97: expects height and width from 1 to 96 pixels"),
    "a sheet in another format": (
        ["mnist-5k", "--output", "sheet.gif"],
        "--output sheet.gif: expects the name of a PNG file, as in sheet.png",
    ),
}


@pytest.mark.parametrize(("arguments", "line"), [pytest.param(*row, id=name) for name, row in WRONG.items()])
def test_wrong_usage_is_one_line_and_exit_code_2(
    arguments: list[str], line: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "set.txt").touch()
    outcome = cli("data", *arguments)
    assert (outcome.code, outcome.out, outcome.err) == (2, "", f"tinymnist: {line}\n")


def test_without_pyarrow_parquet_is_one_line(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_parquet(tmp_path / "set.parquet", PNGS, LABELS.tolist())
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    outcome = cli("data", path)
    assert outcome.err == f"tinymnist: {path}: needs pyarrow: install it with `pip install 'tinymnist[parquet]'`\n"
    assert outcome.code == 2


def test_unreadable_pictures_are_counted_and_can_be_left_out(cli: Cli, tmp_path: Path) -> None:
    root = folders(tmp_path)
    expected = json.loads(cli("data", root, "--json").out)
    for name in ("a.png", "b.png"):
        (root / "train" / "0" / name).write_bytes(b"")
    assert "a.png: is empty, and 1 more cannot be read: replace what is damaged, or leave" in cli("data", root).err
    outcome = cli("data", root, "--skip-unreadable", "--json")
    content = json.loads(outcome.out)
    line = f"WARNING: {root}: left out 2 pictures that cannot be read, such as train/0/a.png"
    assert (outcome.code, outcome.err) == (0, f"{line}\n")
    assert content == {**expected, "warnings": [{"kind": "PicturesSkipped", "message": line}]}


def test_a_class_of_which_every_picture_is_left_out_is_an_error(cli: Cli, tmp_path: Path) -> None:
    root = with_file("train/2/a.png", b"")(tmp_path)
    outcome = cli("data", root, "--skip-unreadable")
    assert outcome.err == f"tinymnist: {root}: class '2' has no training image: add some, or remove the class\n"
    assert outcome.code == 3


def test_images_that_would_take_too_much_memory_are_not_resized(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tinymnist.data.assembly.fitted", lambda *_: pytest.fail("resized"))
    path = write_npz(tmp_path / "set.npz", {"train": (np.zeros((240_000, 1, 1), np.uint8), np.arange(240_000) % 2)})
    outcome = cli("data", path, "--resize", 96, 96)
    line = f"{path}: 240,000 images of 96x96 pixels take more than 2 GiB: leave some out"
    assert (outcome.code, outcome.err) == (3, f"tinymnist: {line}\n")


@pytest.mark.parametrize("command", ["check", "train"])
def test_a_spec_asks_for_no_larger_image_than_can_be_read(command: str, cli: Cli, tmp_path: Path) -> None:
    path = write_npz(tmp_path / "set.npz", TRAIN)
    spec = tmp_path / "net.yaml"
    spec.write_text(
        f"name: net\nblocks: [{{convs: [4], pool: global_average}}]\ndata: {{dataset: {path}, resize: [96, 97]}}\n"
    )
    outcome = cli(command, spec)
    line = f"{spec}:3: data.resize[1]: must be at most 96, found 97"
    assert (outcome.code, outcome.err) == (2, f"tinymnist: {line}\n")


@pytest.mark.parametrize("labels", [[0, 1], [0, 1, 0, 1]], ids=["one image of each class", "each under two labels"])
def test_a_set_of_which_nothing_can_be_set_aside_for_testing_is_not_trained_on(
    labels: list[int], cli: Cli, tmp_path: Path
) -> None:
    images = IMAGES[[0, 1]] if len(labels) == 2 else IMAGES[[0, 0, 1, 1]]
    path = write_npz(tmp_path / "set.npz", {"train": (images, np.array(labels))})
    spec = tmp_path / "net.yaml"
    spec.write_text(
        "name: net\ninput: {height: 2, width: 2}\nclasses: 2\nblocks: [{convs: [2], pool: global_average}]\n"
        f"data: {{dataset: {path}}}\n"
    )
    outcome = cli("train", spec, "--output", tmp_path, "--name", "run")
    line = f"{path}: has no test set, and no image that could be set aside for one: add images to a class"
    assert (outcome.code, outcome.err) == (3, f"tinymnist: {line}\n")
    assert not (tmp_path / "run").exists()
