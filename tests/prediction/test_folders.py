"""What `predict` says of folders: files that it passed over, and a score where subfolders are named by their digits."""

import json
from pathlib import Path

import pytest
from PIL import Image

import tinymnist
from tests.support.command_line import Cli
from tests.support.digits import on_paper
from tinymnist.notices import FilesPassedOver

NETWORK = "smooth3092"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten pictures in subfolders named by the digits on them."""
    for index, (page, label) in enumerate(zip(*on_paper(10), strict=True)):
        (tmp_path / "digits" / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(page).save(tmp_path / "digits" / str(label) / f"{index}.png")
    return tmp_path / "digits"


def test_files_that_were_passed_over_are_one_line(cli: Cli, folder: Path) -> None:
    for name in ("0/a.bmp", "0/b.BMP", ".hidden", "1/Thumbs.db"):
        (folder / name).write_text("")
    outcome = cli("predict", NETWORK, folder)
    line = f"{folder}: passed over 3 files not named as PNG, JPEG or WebP, such as 0/a.bmp\n"
    assert (outcome.code, outcome.err) == (0, line)
    with pytest.warns(UserWarning, match="FilesPassedOver"):
        tinymnist.predict(NETWORK, [folder])
    notices: list[object] = []
    tinymnist.predict(NETWORK, [folder], warn=notices.append)
    assert notices == [FilesPassedOver(str(folder), 3, "PNG, JPEG or WebP", "0/a.bmp")]


def test_a_folder_with_bitmaps_alone_says_so(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.bmp").write_text("")
    outcome = cli("predict", NETWORK, tmp_path)
    assert outcome.code == 2
    assert outcome.err.splitlines() == [
        f"{tmp_path}: passed over 1 file not named as PNG, JPEG or WebP, such as a.bmp",
        f"tinymnist: {tmp_path}: is a folder without PNG, JPEG or WebP files",
    ]


def test_subfolders_named_by_their_digits_are_scored(cli: Cli, folder: Path) -> None:
    last = cli("predict", NETWORK, folder).out.splitlines()[-1]
    assert last == "accuracy 100.00 % of 10 pictures in folders named 0 to 9 (95 % Wilson interval 72.25 to 100.00 %)"
    content = json.loads(cli("predict", NETWORK, folder, "--json").out)
    assert (content["accuracy"], content["n"], content["interval"]["method"]) == (100, 10, "wilson")
    assert all(each["label"] == each["digit"] == int(Path(each["file"]).parent.name) for each in content["files"])


def test_what_cannot_be_used_counts_as_wrong(cli: Cli, folder: Path) -> None:
    (folder / "3").mkdir(exist_ok=True)
    (folder / "3" / "bad.png").write_text("no picture")
    outcome = cli("predict", NETWORK, folder, "--json")
    content = json.loads(outcome.out)
    assert (outcome.code, content["accuracy"], content["n"]) == (1, pytest.approx(1000 / 11), 11)
    assert [each["label"] for each in content["files"] if "error" in each] == [3]


@pytest.mark.parametrize("place", ["loose.png", "unsorted/a.png", "10/a.png"])
def test_other_folders_are_not_scored(place: str, cli: Cli, folder: Path) -> None:
    (folder / place).parent.mkdir(exist_ok=True)
    Image.fromarray(on_paper(1)[0][0]).save(folder / place)
    outcome = cli("predict", NETWORK, folder, "--json")
    content = json.loads(outcome.out)
    assert not {"accuracy", "interval", "n"} & content.keys()
    assert not any("label" in each for each in content["files"])
    assert "accuracy" not in cli("predict", NETWORK, folder).out


def test_with_many_nothing_is_scored(cli: Cli, folder: Path) -> None:
    assert "accuracy" not in json.loads(cli("predict", NETWORK, folder, "--many", "--json").out)
