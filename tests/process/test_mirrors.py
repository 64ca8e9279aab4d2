"""Downloads from servers that fail in every way, and by eight processes at once: verified data, or nothing at all."""

import gc
import gzip
import hashlib
import http.server
import random
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.nursery import TRIALS, Nursery
from tests.support.preparations import small_mnist
from tests.support.published import publish, published_files
from tinymnist.data import download as download_module
from tinymnist.data import fetch as fetch_module
from tinymnist.data import load_dataset
from tinymnist.data.catalogue import MNIST, PUBLISHED
from tinymnist.data.finding import MissingDataError
from tinymnist.data.publication import Download, Published

pytestmark = pytest.mark.slow

IMAGES = {"train": 300, "t10k": 50}
"""In a small data set of MNIST's form, so that a download takes no time."""


def idx_file(stem: str) -> bytes:
    draws, count = random.Random(stem), IMAGES[stem.partition("-")[0]]
    if "images" in stem:
        return struct.pack(">IIII", 2051, count, 28, 28) + draws.randbytes(count * 28 * 28)
    return struct.pack(">II", 2049, count) + bytes(index % 10 for index in range(count))


FILES = {file.stem: idx_file(file.stem) for file in MNIST.files}
PACKED = {f"{stem}.gz": gzip.compress(content, 1) for stem, content in FILES.items()}
WAYS = ["403", "503", "HTML with 200", "half a file", "half a file, called whole", "another file", "stalls", "hangs up"]


class Mirror(http.server.ThreadingHTTPServer):
    """Serves the small data set, or other files; `way` says how it fails."""

    daemon_threads = True

    def __init__(self, way: str = "", files: Mapping[str, bytes] = PACKED) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.way, self.files, self.over = way, files, threading.Event()
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}/"

    def __enter__(self) -> "Mirror":
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.shutdown()
        self.thread.join()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        name, way = self.path.strip("/"), self.server.way
        self.server.asked.append(name)
        content = self.server.files[name]
        if way == "hangs up":
            return
        status = int(way) if way in ("403", "503") else 200
        if way == "HTML with 200":
            content = b"<html>Welcome to the hotel's network</html>"
        if way == "another file":
            content = PACKED["t10k-labels-idx1-ubyte.gz"]
        if way == "half a file, called whole":
            content = content[: len(content) // 2]
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if way in ("half a file", "stalls") else content)
        if way == "stalls":
            self.wfile.flush()
            self.server.over.wait(10)

    def do_HEAD(self) -> None:  # torchvision asks for redirects first
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


Mirrors = Callable[..., None]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirrors]:
    """Called with mirrors, makes MNIST the small data set, fetched from there in this process, which knows of it."""

    def fetch_here(published: Published, staging: Path, _: float) -> None:
        if problem := fetch_module.fetch(published, staging):
            raise MissingDataError(problem)

    monkeypatch.setattr(download_module, "_fetch", fetch_here)
    monkeypatch.setattr(fetch_module, "STALL_SECONDS", 0.5)
    yield lambda *mirrors: monkeypatch.setitem(
        PUBLISHED, "mnist", small_mnist(FILES, PACKED, [mirror.url for mirror in mirrors])
    )
    gc.collect()  # so that what torchvision leaves open is closed under this test's filter


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


WHOLE = {f"MNIST/raw/{stem}": content for stem, content in FILES.items()}
LEAKS = "ignore::pytest.PytestUnraisableExceptionWarning"  # torchvision leaves a socket to the garbage collector


@pytest.mark.filterwarnings(LEAKS)
@pytest.mark.parametrize("way", WAYS)
def test_the_next_mirror_is_asked(small: Mirrors, tmp_path: Path, way: str) -> None:
    with Mirror(way) as bad, Mirror() as good:
        small(bad, good)
        dataset = load_dataset("mnist", tmp_path)
    assert bad.asked[0] == "train-images-idx3-ubyte.gz"
    assert dataset.checksums == {stem: hashlib.sha256(content).hexdigest() for stem, content in FILES.items()}
    assert contents(tmp_path) == WHOLE


@pytest.mark.filterwarnings(LEAKS)
@pytest.mark.parametrize("way", WAYS)
def test_where_no_mirror_is_good_each_is_named_and_nothing_stays(small: Mirrors, tmp_path: Path, way: str) -> None:
    with Mirror(way) as one, Mirror(way) as two:
        small(one, two)
        with pytest.raises(MissingDataError) as caught:
            load_dataset("mnist", tmp_path)
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)
    assert all(f"127.0.0.1:{mirror.server_port}: " in str(caught.value) for mirror in (one, two))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings(LEAKS)
@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("kmnist", [f"KMNIST/raw/{file}" for file in PACKED]),
        ("qmnist-50k", [f"QMNIST/raw/qmnist-test-{what}.gz" for what in ("images-idx3-ubyte", "labels-idx2-int")]),
        ("emnist-letters", ["EMNIST/raw/gzip.zip"]),
        ("usps", ["usps.bz2", "usps.t.bz2"]),
    ],
)
def test_every_data_set_is_kept_as_it_is_published(
    name: str, kept: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = published_files(name)
    publish(monkeypatch, name, files)
    with Mirror(files=files) as mirror:
        source = PUBLISHED[name].source
        assert isinstance(source, Download)
        monkeypatch.setitem(PUBLISHED, name, replace(PUBLISHED[name], source=Download(source.folder, (mirror.url,))))
        first = load_dataset(name, tmp_path)
    assert sorted(contents(tmp_path)) == sorted(kept)
    again = load_dataset(name, tmp_path)  # from the folder: the mirror is gone
    assert (again.digest, again.checksums) == (first.digest, first.checksums)


def test_a_server_that_trickles_is_left_at_the_time_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By ending the process that downloads, here one that never comes to an end."""
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda _, **options: popen(["sleep", "60"], **options))
    began = time.monotonic()
    with pytest.raises(MissingDataError, match=r"mnist: not downloaded within 0\.3 s"):
        download_module.download(MNIST, tmp_path, 0.3)
    assert time.monotonic() - began < 5
    assert list(tmp_path.iterdir()) == []


def test_eight_processes_at_once_all_end_with_verified_data(nursery: Nursery, tmp_path: Path) -> None:
    nursery.ask({"import": "torchvision.datasets.utils"})
    content = {stem: content.hex() for stem, content in FILES.items()}
    packed = {name: content.hex() for name, content in PACKED.items()}
    with Mirror() as mirror:
        for trial in range(min(TRIALS, 20)):
            folder = tmp_path / str(trial)
            prepare = ("load_small_mnist", content, packed, mirror.url, str(folder))
            children = [nursery.start(prepare=prepare) for _ in range(8)]
            lives = [child.wait() for child in children]
            assert [(life.code, life.out) for life in lives] == [(0, "300 50\n")] * 8, lives
            assert contents(folder) == WHOLE
            assert [path.name for path in folder.iterdir()] == ["MNIST"]
