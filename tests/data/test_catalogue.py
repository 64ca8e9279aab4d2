"""Data sets that are known by name: read as torchvision reads them, upright, with the names of their classes."""

import gzip
import json
import string
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torchvision import datasets

from tests.support.command_line import Cli
from tests.support.digits import mnist_5k
from tests.support.image_sets import write_npz
from tests.support.published import TEST_IMAGES, publish, published_files, put
from tinymnist.data import DATASETS, load_dataset, read_image_set
from tinymnist.data import published as published_module
from tinymnist.data.catalogue import FASHION_MNIST, PUBLISHED
from tinymnist.data.finding import MissingDataError
from tinymnist.data.publication import Download

DIGITS, CAPITALS, SMALL = string.digits, string.ascii_uppercase, string.ascii_lowercase
MERGED = DIGITS + CAPITALS + "abdefghnqrt"
CLASSES = {
    "mnist": [*DIGITS],
    "fashion-mnist": [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ],
    "kmnist": ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"],
    "qmnist": [*DIGITS],
    "emnist-balanced": [*MERGED],
    "emnist-byclass": [*DIGITS, *CAPITALS, *SMALL],
    "emnist-bymerge": [*MERGED],
    "emnist-letters": [*CAPITALS],
    "emnist-digits": [*DIGITS],
    "emnist-mnist": [*DIGITS],
    "usps": [*DIGITS],
}  # fmt: skip
"""The data sets that are downloaded and have training images."""
EMNIST = [name for name in CLASSES if name.startswith("emnist")]


@pytest.fixture
def here(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with small files of the data set that the test is about, which are the published ones."""
    name = request.getfixturevalue("name")
    files = published_files(name)
    publish(monkeypatch, name, files)
    return put(tmp_path / "data", name, files)


@pytest.fixture
def no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MissingDataError("no internet")

    monkeypatch.setattr(published_module, "download", fail)


@pytest.mark.parametrize("name", CLASSES)
def test_a_name_tells_classes_and_counts(cli: Cli, name: str, here: Path) -> None:
    outcome = cli("data", name, "--data-dir", here, "--json")
    assert outcome.code == 0
    content = json.loads(outcome.out)
    assert (content["dataset"], content["class_names"]) == (name, CLASSES[name])
    assert content["shape"] == ([1, 16, 16] if name == "usps" else [1, 28, 28])
    assert set(content["train"]["by_class"].values()) == {2}
    assert content["test"]["images"] == (10_000 + TEST_IMAGES if name == "qmnist" else TEST_IMAGES)
    dataset = load_dataset(name, here)
    assert (dataset.digest, dataset.class_names) == (content["digest"], tuple(CLASSES[name]))


def of_torchvision(name: str, root: Path, train: bool) -> tuple[Any, Any]:
    """Images and labels as torchvision has them, EMNIST's turned upright, labels from 0."""
    if name in EMNIST:
        made = datasets.EMNIST(str(root), name.removeprefix("emnist-"), train=train)
        return made.data.transpose(1, 2), made.targets - int(name == "emnist-letters")
    kinds = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST", "qmnist": "QMNIST", "usps": "USPS"}
    made = getattr(datasets, kinds[name])(str(root), train=train)
    targets = np.asarray(made.targets)
    return np.asarray(made.data), targets[:, 0] if targets.ndim == 2 else targets


def unpack_as_torchvision_does(here: Path) -> None:
    import zipfile

    for path in [*here.rglob("*.zip")]:
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                (path.parent / Path(member).stem).write_bytes(gzip.decompress(archive.read(member)))
    for path in [*here.rglob("*.gz")]:
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))


@pytest.mark.parametrize("name", CLASSES)
def test_images_and_labels_are_those_of_torchvision(name: str, here: Path) -> None:
    dataset = load_dataset(name, here)
    unpack_as_torchvision_does(here)
    for train, split in ((True, dataset.train), (False, dataset.test)):
        images, labels = of_torchvision(name, here, train)
        assert np.array_equal(split.images.squeeze(1), images)
        assert np.array_equal(split.labels, labels)


def test_every_download_has_the_address_and_the_md5_of_torchvision() -> None:
    urls: dict[str, str] = {}
    for kind in (datasets.MNIST, datasets.FashionMNIST, datasets.KMNIST):
        urls |= {f"{mirror}{file}": md5 for mirror in kind.mirrors for file, md5 in kind.resources}
    urls |= {url: md5 for split in ("train", "test") for url, md5 in datasets.QMNIST.resources[split]}
    urls[f"{datasets.EMNIST.url}"] = datasets.EMNIST.md5
    urls |= {url: md5 for url, _, md5 in datasets.USPS.split_list.values()}
    ours = {
        f"{mirror}{file.name}": file.md5
        for published in PUBLISHED.values()
        if isinstance(published.source, Download)
        for mirror in published.source.mirrors
        for file in published.files
    }
    assert ours == urls


@pytest.mark.parametrize("name", ["qmnist-50k"])
def test_the_lost_digits_are_qmnists_without_those_of_mnist(cli: Cli, name: str, here: Path) -> None:
    outcome = cli("data", name, "--data-dir", here, "--output", here / "sheet.png")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines()[2:4] == ["0          0     2", "1          0     2"]
    assert cli("data", name, "--data-dir", here, "--resize", 14, 14).code == 0
    dataset = load_dataset(name, here)
    unpack_as_torchvision_does(here)
    lost = datasets.QMNIST(str(here), what="test50k")
    assert np.array_equal(dataset.test.images.squeeze(1), lost.data)
    assert np.array_equal(dataset.test.labels, lost.targets[:, 0])
    assert len(dataset.train) == 0


@pytest.mark.parametrize("arguments", [[], ["--seeds", 2], ["--validation", 10]], ids=["run", "series", "validation"])
def test_the_lost_digits_are_not_trained_on(cli: Cli, tmp_path: Path, arguments: list[object]) -> None:
    where = ["--data-dir", tmp_path, "--output", tmp_path / "runs"]
    outcome = cli("train", "tiny3130", "--dataset", "qmnist-50k", *where, *arguments)
    assert (outcome.code, list(tmp_path.iterdir())) == (2, [])
    assert outcome.err == (
        "tinymnist: --dataset qmnist-50k: has no training images: train on another, and score the run with "
        "`tinymnist evaluate RUN --dataset qmnist-50k`\n"
    )


@pytest.mark.parametrize("name", ["qmnist-50k"])
def test_a_run_of_mnists_digits_is_scored_on_the_lost_ones(cli: Cli, name: str, here: Path, small_run: Path) -> None:
    outcome = cli("evaluate", small_run, "--dataset", name, "--data-dir", here)
    assert outcome.code == 0
    assert outcome.out.startswith("tiny3130, 3,130 parameters, on the 20 test images of qmnist-50k\n")


@pytest.mark.parametrize("name", ["qmnist-50k"])
def test_int8_is_not_calibrated_on_training_images_that_are_not_there(
    cli: Cli, name: str, here: Path, small_run: Path
) -> None:
    options = ["--format", "c", "--dtype", "int8", "--dataset", name, "--data-dir", here, "--output", here / "out"]
    outcome = cli("export", small_run, *options)
    assert (outcome.code, (here / "out").exists()) == (2, False)
    assert outcome.err == (
        "tinymnist: qmnist-50k: has no training images, on which int8 is calibrated: name another --dataset\n"
    )


@pytest.mark.parametrize(("name", "file"), [("kmnist", "t10k-labels-idx1-ubyte.gz"), ("emnist-letters", "gzip.zip")])
def test_another_file_than_the_published_one_is_refused(cli: Cli, name: str, file: str, here: Path) -> None:
    (path,) = here.rglob(file)
    path.write_bytes(path.read_bytes() + b"\0")
    outcome = cli("data", name, "--data-dir", here)
    assert outcome.code == 3
    assert outcome.err == (
        f"tinymnist: {path}: is not the published file (its MD5 is not the published one): name a folder that holds "
        "the published files by --data-dir or TINYMNIST_DATA\n"
    )


@pytest.mark.usefixtures("no_download")
@pytest.mark.parametrize(
    ("name", "file"), [("kmnist", "train-images-idx3-ubyte.gz"), ("emnist-mnist", "gzip.zip"), ("usps", "usps.bz2")]
)
def test_what_is_missing_is_named(cli: Cli, tmp_path: Path, name: str, file: str) -> None:
    outcome = cli("data", name, "--data-dir", tmp_path)
    assert outcome.code == 3
    assert outcome.err == (
        f"tinymnist: {tmp_path}: holds no {file} of {name}; no internet: put its files there, or name their folder by "
        "--data-dir or TINYMNIST_DATA\n"
    )


@pytest.mark.usefixtures("no_download")
@pytest.mark.parametrize("name", ["kmnist", "fashion-mnist"])
def test_files_of_another_data_set_are_not_taken_for_damaged_ones(
    name: str, here: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By their SHA-256 or their MD5; both lie in the folder itself, under the names that MNIST's have too."""
    other = "kmnist" if name == "fashion-mnist" else "fashion-mnist"
    publish(monkeypatch, other, published_files(name) | {TEST_LABELS: gzip.compress(b"something else")})
    source = PUBLISHED[name].source
    assert isinstance(source, Download)
    with pytest.raises(MissingDataError, match="holds no train-images-idx3-ubyte"):
        load_dataset("mnist", here / source.folder)
    assert load_dataset(name, here / source.folder).name == name


TEST_LABELS = "t10k-labels-idx1-ubyte.gz"


@pytest.mark.parametrize("name", ["fashion-mnist"])
@pytest.mark.parametrize("packed", [False, True], ids=["raw", "compressed anew"])
def test_a_known_digest_of_unpacked_bytes_lets_files_be_packed_in_any_way(
    name: str, here: Path, packed: bool, tmp_path: Path
) -> None:
    digest = load_dataset(name, here).digest
    for path in here.rglob("*.gz"):
        content = gzip.decompress(path.read_bytes())
        kept = tmp_path / (path.name if packed else path.stem)
        kept.write_bytes(gzip.compress(content, 9, mtime=1) if packed else content)
    assert load_dataset(name, tmp_path).digest == digest


@pytest.mark.parametrize("name", ["kmnist", "fashion-mnist"])
def test_a_path_of_published_files_is_the_data_set_of_that_name(cli: Cli, name: str, here: Path) -> None:
    source = PUBLISHED[name].source
    assert isinstance(source, Download)
    path = here / source.folder
    by_name = load_dataset(name, here)
    by_path = load_dataset(str(path))
    assert (by_path.digest, by_path.class_names) == (by_name.digest, by_name.class_names)
    assert (by_path.name, by_path.prepare) == (str(path), by_name.prepare)
    assert sorted(zip(map(bytes, by_path.test.images.numpy()), by_path.test.labels.tolist(), strict=True)) == sorted(
        zip(map(bytes, by_name.test.images.numpy()), by_name.test.labels.tolist(), strict=True)
    )
    assert json.loads(cli("data", path, "--json").out)["class_names"] == CLASSES[name]
    (path / TEST_LABELS).write_bytes(gzip.compress(gzip.decompress((path / TEST_LABELS).read_bytes())[:-1] + b"\0", 1))
    assert load_dataset(str(path)).class_names == tuple(DIGITS)


def test_mnist_in_another_format_is_prepared_as_mnist_is(tmp_path: Path) -> None:
    train, train_labels, test, test_labels = mnist_5k()
    path = write_npz(tmp_path / "set.npz", {"train": (train, train_labels), "test": (test, test_labels)})
    assert load_dataset(str(path)).prepare == "mnist"
    fewer = write_npz(tmp_path / "fewer.npz", {"train": (train[1:], train_labels[1:]), "test": (test, test_labels)})
    assert load_dataset(str(fewer)).prepare == "resize"


def test_digits_8x8_are_scaled_to_255_and_split_by_content(cli: Cli, tmp_path: Path) -> None:
    package = find_spec("sklearn")
    assert package is not None
    assert package.submodule_search_locations is not None
    packed = Path(package.submodule_search_locations[0]) / "datasets" / "data" / "digits.csv.gz"
    lines = [[*map(int, line.split(","))] for line in gzip.decompress(packed.read_bytes()).decode().splitlines()]
    levels, labels = np.array(lines)[:, :64].reshape(-1, 8, 8), np.array(lines)[:, 64]
    scaled = np.floor(levels * 255 / 16 + 0.5).astype(np.uint8)
    assert (scaled.min(), scaled.max(), len(np.unique(scaled))) == (0, 255, 17)
    path = write_npz(tmp_path / "digits.npz", {"train": (scaled, labels)})
    by_name, by_path = read_image_set("digits-8x8"), read_image_set(str(path))
    assert by_name.digest == by_path.digest == PUBLISHED["digits-8x8"].digest
    assert (by_name.shape, len(by_name.train), len(by_name.test)) == ((1, 8, 8), 1438, 359)
    outcome = cli("data", "digits-8x8")
    assert (outcome.code, outcome.err) == (0, "")
    dataset = load_dataset("digits-8x8")
    assert (dataset.prepare, [*dataset.checksums]) == ("resize", ["digits.csv"])
    both = np.concatenate([dataset.train.images, dataset.test.images])
    assert sorted(map(bytes, both)) == sorted(map(bytes, scaled))


def test_a_package_that_is_not_installed_is_named(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinymnist.data.finding.find_spec", lambda _: None)
    outcome = cli("data", "digits-8x8")
    missing = "digits-8x8: the package scikit-learn is not installed: install it with `pip install scikit-learn`"
    assert (outcome.code, outcome.err) == (3, f"tinymnist: {missing}\n")


@pytest.mark.slow
def test_fashion_mnist_of_debian_is_the_published_one() -> None:
    folder = Path("/usr/share/datasets/fashion-mnist")
    if not folder.is_dir():
        pytest.skip("no Debian package dataset-fashion-mnist here")
    by_name = load_dataset("fashion-mnist", folder)
    assert by_name.checksums == {file.stem: file.sha256 for file in FASHION_MNIST.files}
    assert load_dataset(str(folder)).digest == by_name.digest == FASHION_MNIST.digest


def test_the_help_of_data_names_every_data_set(cli: Cli) -> None:
    words = cli("data", "--help").out.translate({ord(character): "" for character in "│ \n"})
    assert [name for name in DATASETS if name not in words] == []
