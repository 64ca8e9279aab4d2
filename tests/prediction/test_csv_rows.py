"""`predict RUN test.csv`: the class of each row of pixels, printed, or written as Kaggle takes it."""

import csv
import json
import re
import resource
import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import tinymnist
from tests.support.command_line import Cli
from tests.support.digits import mnist_5k
from tests.support.image_sets import csv as as_csv
from tests.support.own_networks import HEIGHT, NAMES, WIDTH, colours, train_on, write_pictures
from tinymnist.data.csv_files import MAX_LINE
from tinymnist.data.resizing import fitted
from tinymnist.prediction import predict_rows

NETWORK = "smooth675"
COUNT = 60


def digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    images, labels, *_ = mnist_5k()
    chosen = slice(None, COUNT * (len(images) // COUNT), len(images) // COUNT)
    return images[chosen], labels[chosen].astype(np.int64)


def without_labels(text: str) -> str:
    return "".join(line.partition(",")[2] + "\n" for line in text.splitlines())


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Some of MNIST's digits, as Kaggle's `train.csv` has them."""
    (tmp_path / "train.csv").write_text(as_csv(*digits()))
    return tmp_path / "train.csv"


@pytest.fixture
def rows(labelled: Path) -> Path:
    """The same, as Kaggle's `test.csv` has them."""
    (labelled.parent / "test.csv").write_text(without_labels(labelled.read_text()))
    return labelled.parent / "test.csv"


def read_as_picture(tmp_path: Path) -> list[int | None]:
    """What the network reads in the same digits as pictures, which are prepared: nearly the same."""
    from PIL import Image

    for index, image in enumerate(digits()[0]):
        Image.fromarray(image).save(tmp_path / f"{index:03}.png")
    return [each.digit for each in tinymnist.predict(NETWORK, [tmp_path / "*.png"])]


def test_a_submission_is_what_kaggle_asks_for(cli: Cli, rows: Path, tmp_path: Path) -> None:
    outcome = cli("predict", NETWORK, rows, "--output", tmp_path / "submission.csv")
    assert (outcome.code, outcome.out, outcome.err) == (0, f"wrote {tmp_path}/submission.csv: {COUNT} rows\n", "")
    text = (tmp_path / "submission.csv").read_bytes().decode("ascii")
    head, *lines = text.splitlines()
    assert (head, text.endswith("\n"), "\r" in text) == ("ImageId,Label", True, False)
    written = [tuple(map(int, line.split(","))) for line in lines]
    assert [row for row, _ in written] == list(range(1, COUNT + 1))
    same = sum(digit == seen for (_, digit), seen in zip(written, read_as_picture(tmp_path), strict=True))
    assert same >= COUNT - 1


def test_rows_are_printed_like_pictures(cli: Cli, rows: Path) -> None:
    outcome = cli("predict", NETWORK, rows)
    head, *lines = outcome.out.splitlines()
    assert (outcome.code, head, len(lines)) == (0, "row  digit  top three", COUNT)
    assert re.fullmatch(r"  1      0  0 [ \d]{3}\.\d %   \d [ \d]{3}\.\d %   \d [ \d]{3}\.\d %", lines[0])
    found = predict_rows(NETWORK, rows)
    assert [int(line.split()[1]) for line in lines] == found.top[:, 0].tolist()


def test_labels_give_an_accuracy(cli: Cli, labelled: Path, rows: Path, tmp_path: Path) -> None:
    right = sum(predict_rows(NETWORK, rows).top[:, 0] == digits()[1])
    expected = (
        rf"accuracy {100 * right / COUNT:.2f} % of {COUNT} rows with a label \(95 % Wilson interval [\d. to]+ %\)"
    )
    outcome = cli("predict", NETWORK, labelled, "--output", tmp_path / "out.csv")
    first, second = outcome.out.splitlines()
    assert first == f"wrote {tmp_path}/out.csv: {COUNT} rows"
    assert re.fullmatch(expected, second)
    assert re.fullmatch(expected, cli("predict", NETWORK, labelled).out.splitlines()[-1])
    assert right >= COUNT - 3


def test_json_lists_the_rows(cli: Cli, labelled: Path) -> None:
    content = json.loads(cli("predict", NETWORK, labelled, "--json").out)
    found = predict_rows(NETWORK, labelled)
    assert found.score is not None
    assert {key: content[key] for key in ("file", "images", "n", "accuracy", "class_names")} == {
        "file": str(labelled), "images": COUNT, "n": COUNT, "accuracy": found.score.accuracy,
        "class_names": list("0123456789"),
    }  # fmt: skip
    assert [each["row"] for each in content["rows"]] == list(range(1, COUNT + 1))
    first, probabilities = content["rows"][-1], found.probabilities[-1].tolist()
    assert first == {
        "row": COUNT,
        "class_name": str(found.top[-1, 0]),
        "digit": found.top[-1, 0],
        "probability": probabilities[0],
        "top": [
            {"class_name": str(digit), "digit": digit, "probability": probability}
            for digit, probability in zip(found.top[-1].tolist(), probabilities, strict=True)
        ],
        "label": digits()[1][-1],
        "true_class": str(digits()[1][-1]),
    }


def test_json_with_a_submission_names_the_file_alone(cli: Cli, rows: Path, tmp_path: Path) -> None:
    content = json.loads(cli("predict", NETWORK, rows, "--json", "--output", tmp_path / "out.csv").out)
    assert (content["images"], content["output"]) == (COUNT, f"{tmp_path}/out.csv")
    assert not {"rows", "files", "accuracy"} & content.keys()


def test_rows_that_are_read_bit_by_bit_keep_their_order(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = predict_rows(NETWORK, rows)
    monkeypatch.setattr("tinymnist.data.csv_files.LINES_AT_ONCE", 7)
    by_and_by = predict_rows(NETWORK, rows)
    assert np.array_equal(by_and_by.top, whole.top)
    assert by_and_by.probabilities == pytest.approx(whole.probabilities, abs=1e-5)


def test_columns_named_by_their_numbers_are_a_header(rows: Path) -> None:
    lines = rows.read_text().splitlines()
    rows.write_text("\n".join([",".join(map(str, range(784))), *lines[1:]]))
    assert len(predict_rows(NETWORK, rows)) == COUNT


@pytest.mark.slow
def test_28_000_rows_take_little_memory(labelled: Path) -> None:
    head, *lines = labelled.read_text().splitlines()
    predict_rows(NETWORK, labelled)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    labelled.write_text("\n".join([head, *(lines * 500)[:28_000]]))
    assert len(predict_rows(NETWORK, labelled)) == 28_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB


# What is wrong with a file, or with the arguments


def with_line(number: int, text: str) -> Callable[[str], str]:
    """Changes one line, from 1."""

    def change(content: str) -> str:
        lines = content.splitlines()
        lines[number - 1] = text
        return "\n".join(lines) + "\n"

    return change


def with_first_cell(number: int, cell: str) -> Callable[[str], str]:
    return lambda content: with_line(number, f"{cell}," + content.splitlines()[number - 1].partition(",")[2])(content)


BAD: dict[str, tuple[Callable[[str], str], str]] = {
    "cut short": (
        lambda content: content[:-1000],
        r"line 61 has \d+ values, the first line 784: complete it",
    ),
    "negative": (with_first_cell(9, "-1"), "line 9, column pixel0: expects a whole number from 0 to 255, found '-1'"),
    "NaN": (with_first_cell(9, "nan"), "line 9, column pixel0: expects a whole number from 0 to 255, found 'nan'"),
    "too large": (
        with_first_cell(9, "256"),
        "line 9, column pixel0: expects a whole number from 0 to 255, found '256'",
    ),
    "a point": (with_first_cell(9, "0.5"), "line 9, column pixel0: expects a whole number from 0 to 255, found '0.5'"),
    "many digits": (
        with_first_cell(9, "9" * 5000),
        "line 9, column pixel0: expects a whole number from 0 to 255, found '9+",
    ),
    "semicolons": (
        lambda content: content.replace(",", ";"),
        r"line 2, column pixel0;pixel1;[^ ]{1,50}: expects a whole number from 0 to 255, found '[^ ]{1,60}$",
    ),
    "too few pixels": (
        lambda content: "".join(line.partition(",")[2] + "\n" for line in content.splitlines()),
        f"has 783 columns of pixels: .*{NETWORK}.* takes 784, 28x28 pixels",
    ),
    "no header": (
        lambda content: content.partition("\n")[2],
        "its first line has numbers only: expects names of columns: pixel0,pixel1,...",
    ),
    "no rows": (lambda content: content.partition("\n")[0], "holds no images: add lines of pixels below the first"),
    "nothing": (lambda _: "", "its first line names no columns: expects pixel0,pixel1,..."),
    "two labels": (lambda _: "label,label,a\n1,1,1\n", "its first line names several columns 'label': leave one"),
    "a long line": (
        with_line(3, "0" * (MAX_LINE + 1)),
        "line 3 has more than 1,048,576 characters: save it again",
    ),
    "a long first line": (
        with_line(1, "," * (MAX_LINE + 1)),
        "line 1 has more than 1,048,576 characters: save it again",
    ),
    "bytes": (lambda content: content + "\udcff", r"is not CSV in UTF-8 \(.*\): save it as such"),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD.keys())
def test_a_bad_file_is_one_line_and_exit_code_3(
    change: Callable[[str], str], message: str, cli: Cli, rows: Path, tmp_path: Path
) -> None:
    rows.write_text(change(rows.read_text()), errors="surrogateescape")
    outcome = cli("predict", NETWORK, rows, "--output", tmp_path / "out.csv")
    assert re.fullmatch(f"tinymnist: {rows}: {message}.*\n", outcome.err)
    assert (outcome.code, outcome.out, (tmp_path / "out.csv").exists()) == (3, "", False)


@pytest.mark.parametrize("label", ["10", "999"])
def test_a_label_of_no_class_is_refused(label: str, cli: Cli, labelled: Path) -> None:
    labelled.write_text(with_first_cell(5, label)(labelled.read_text()))
    outcome = cli("predict", NETWORK, labelled)
    assert re.fullmatch(
        f"tinymnist: {labelled}: line 5: label {label} is none of the classes of .*{NETWORK}.*\n", outcome.err
    )
    assert outcome.code == 3


def test_10_gigabytes_are_refused_unread(cli: Cli, tmp_path: Path) -> None:
    with (tmp_path / "huge.csv").open("wb") as stream:
        stream.truncate(10 << 30)
    outcome = cli("predict", NETWORK, tmp_path / "huge.csv")
    line = f"tinymnist: {tmp_path}/huge.csv: cannot be read: larger than 1,073,741,824 bytes, as no such file is\n"
    assert (outcome.code, outcome.err) == (3, line)


def test_a_file_that_is_not_there_is_one_line(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("predict", NETWORK, tmp_path / "none.csv")
    line = f"tinymnist: {tmp_path}/none.csv: cannot be read: No such file or directory\n"
    assert (outcome.code, outcome.err) == (3, line)


WRONG: dict[str, tuple[list[str], str]] = {
    "exists": (["test.csv", "--output", "train.csv"], "--output train.csv: already exists: choose another name"),
    "itself": (["test.csv", "--output", "test.csv"], "--output test.csv: already exists: choose another name"),
    "dangling": (["test.csv", "--output", "link.csv"], "--output link.csv: already exists: choose another name"),
    "not CSV": (
        ["test.csv", "--output", "out.txt"],
        "--output out.txt: expects the name of a .csv file, as in out.csv",
    ),
    "pictures": (
        ["a.png", "--output", "out.csv"],
        "--output out.csv: expects one .csv file of pixels; for pictures there is --json",
    ),
    "two files": (
        ["test.csv", "train.csv"],
        "test.csv: a .csv file is predicted on its own: name nothing else beside it",
    ),
    "a picture too": (
        ["a.png", "test.csv"],
        "test.csv: a .csv file is predicted on its own: name nothing else beside it",
    ),
    "many": (["test.csv", "--many"], "--many: is for pictures, not for a .csv file: leave it out"),
    "show": (["test.csv", "--show"], "--show: is for pictures, not for a .csv file: leave it out"),
}


@pytest.mark.parametrize(("arguments", "message"), WRONG.values(), ids=WRONG.keys())
def test_what_does_not_go_together_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, cli: Cli, rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(rows.parent)
    Path("link.csv").symlink_to("nowhere.csv")
    before = sorted(rows.parent.iterdir())
    outcome = cli("predict", NETWORK, *arguments)
    assert (outcome.code, outcome.out, outcome.err) == (2, "", f"tinymnist: {message}\n")
    assert sorted(rows.parent.iterdir()) == before


def test_a_submission_that_cannot_be_written_is_one_line(cli: Cli, rows: Path, tmp_path: Path) -> None:
    outcome = cli("predict", NETWORK, rows, "--output", tmp_path / "none" / "out.csv")
    line = f"tinymnist: {tmp_path}/none/out.csv: cannot be written: No such file or directory\n"
    assert (outcome.code, outcome.err) == (3, line)


# Rows for networks of one's own data


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on pictures in colour that are fitted into 12x10 pixels."""
    folder = tmp_path_factory.mktemp("own")
    data = write_pictures(folder / "data" / "hues", {"train": 10, "test": 2})
    return train_on(data, folder, (3, HEIGHT, WIDTH), data=f"resize: [{HEIGHT}, {WIDTH}]")


def row(pixels: NDArray[np.uint8]) -> str:
    head = ",".join(f"pixel{index}" for index in range(pixels.size))
    return f"{head}\n{','.join(map(str, pixels.ravel().tolist()))}\n"


def colour(side: int) -> NDArray[np.uint8]:
    return fitted(colours(1, 3), side, side)


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (fitted(colours(1, 3), HEIGHT, WIDTH), fitted(colours(1, 3), HEIGHT, WIDTH)),
        (colour(20), fitted(colour(20), HEIGHT, WIDTH)),
        (colours(1, 3)[:HEIGHT, :WIDTH, 1], np.stack([colours(1, 3)[:HEIGHT, :WIDTH, 1]] * 3, axis=-1)),
    ],
    ids=["as they are", "fitted", "grey"],
)
def test_rows_become_images_as_in_training(
    pixels: NDArray[np.uint8], expected: NDArray[np.uint8], own: Path, tmp_path: Path
) -> None:
    from PIL import Image

    (tmp_path / "test.csv").write_text(row(pixels))
    Image.fromarray(expected).save(tmp_path / "same.png")
    (picture,) = tinymnist.predict(own, [tmp_path / "same.png"])
    found = predict_rows(own, tmp_path / "test.csv")
    assert found.probabilities[0].tolist() == [picture.probabilities[label] for label in picture.top(3)]
    assert np.array_equal(picture.picture, expected)


def test_names_of_classes_are_quoted_where_they_must_be(cli: Cli, own: Path, tmp_path: Path) -> None:
    lines = [row(fitted(colours(label, 2), HEIGHT, WIDTH)).splitlines() for label in range(3)]
    (tmp_path / "test.csv").write_text("\n".join([lines[0][0], *(line for _, line in lines)]))
    assert cli("predict", own, tmp_path / "test.csv", "--output", tmp_path / "out.csv").code == 0
    content = list(csv.reader(StringIO((tmp_path / "out.csv").read_text(encoding="utf-8"))))
    assert content == [["ImageId", "Label"], *([str(at + 1), name] for at, name in enumerate(NAMES))]


def with_class(small_run: Path, name: str, tmp_path: Path) -> Path:
    """A copy of a run of ten digits, of which one is called `name`."""
    run = Path(shutil.copytree(small_run, tmp_path / "run"))
    record = json.loads((run / "environment.json").read_text())
    record["data"]["class_names"] = [name, *map(str, range(1, 10))]
    (run / "environment.json").write_text(json.dumps(record))
    return run


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1+cmd()", "-2+3+cmd()", "@SUM(A1)", " =1+1"])
def test_a_name_that_a_spreadsheet_computes_is_not_written(
    name: str, cli: Cli, small_run: Path, rows: Path, tmp_path: Path
) -> None:
    run = with_class(small_run, name, tmp_path)
    outcome = cli("predict", run, rows, "--output", tmp_path / "out.csv")
    line = f"tinymnist: class {name!r}: a spreadsheet would take it for a formula: use --json instead\n"
    assert (outcome.code, outcome.out, outcome.err) == (3, "", line)
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("name", ["-", "+", "=", "@", "-1", "+10", "a=b"])
def test_a_name_with_a_sign_that_does_no_harm_is_written(
    name: str, cli: Cli, small_run: Path, rows: Path, tmp_path: Path
) -> None:
    run = with_class(small_run, name, tmp_path)
    assert cli("predict", run, rows, "--output", tmp_path / "out.csv").code == 0


def test_labels_are_places_where_classes_have_names(own: Path, tmp_path: Path) -> None:
    head, line = row(fitted(colours(1, 2), HEIGHT, WIDTH)).splitlines()
    place = sorted(NAMES).index("grün")
    (tmp_path / "a.csv").write_text(f"{head},label\n{line},{place}\n")
    found = predict_rows(own, tmp_path / "a.csv")
    assert found.labels is not None
    assert found.labels.tolist() == [place]


def test_labels_are_names_where_these_are_numbers(small_run: Path, labelled: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(small_run, tmp_path / "run"))
    record = json.loads((run / "environment.json").read_text())
    record["data"]["class_names"] = ["3", "7", *map(str, range(10, 18))]
    (run / "environment.json").write_text(json.dumps(record))
    head, line, *_ = labelled.read_text().splitlines()
    pixels = line.partition(",")[2]
    labelled.write_text(f"{head}\n7,{pixels}\n17,{pixels}\n")
    found = predict_rows(run, labelled)
    assert found.labels is not None
    assert found.labels.tolist() == [1, 9]
