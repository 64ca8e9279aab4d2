"""What a test can do in a child of the nursery before its command begins."""

import contextlib
import hashlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinymnist import __main__, load_run
from tinymnist.console import report_error
from tinymnist.data.catalogue import MNIST, PUBLISHED
from tinymnist.data.finding import MissingDataError
from tinymnist.data.publication import Download, Published, PublishedFile
from tinymnist.errors import TinyMnistError
from tinymnist.training import engine
from tinymnist.training.packed import pack_run


def sleep_in_steps(seconds: float) -> None:
    """Makes each step of a training take `seconds` longer."""

    def slow(step: Any) -> Any:
        def slowly(*given: object) -> None:
            time.sleep(seconds)
            step(*given)

        return slowly

    for kind in (engine.NativeEngine, engine.TorchEngine):
        _replace(kind, "step", slow(kind.step))


def set_environment(variables: dict[str, str]) -> None:
    os.environ.update(variables)


def pack(run: str, file: str) -> None:
    """Makes the child pack a run, instead of running its arguments."""
    _do(lambda: pack_run(load_run(run), Path(file)))


def _do(work: Callable[[], object]) -> None:
    def main() -> None:
        try:
            work()
        except TinyMnistError as error:
            sys.exit(report_error(error, False))

    _replace(__main__, "main", main)


def _replace(where: object, name: str, what: object) -> None:
    """Replaces `where.name` for good: the child ends soon."""
    setattr(where, name, what)


def small_mnist(files: dict[str, bytes], packed: dict[str, bytes], mirrors: Sequence[str]) -> Published:
    """MNIST as it would be if its files were these, by their names, and came from these mirrors."""
    return replace(
        MNIST,
        source=Download("MNIST/raw", tuple(mirrors)),
        files=tuple(
            PublishedFile(
                file.name,
                hashlib.md5(packed[file.name]).hexdigest(),
                hashlib.sha256(files[file.stem]).hexdigest(),
                len(files[file.stem]),
            )
            for file in MNIST.files
        ),
    )


def load_small_mnist(files: dict[str, str], packed: dict[str, str], mirror: str, folder: str) -> None:
    """Makes the child download and load a small data set, given in hexadecimal."""
    from tinymnist.data import download, fetch, load_dataset

    def fetch_here(published: Published, staging: Path, _: float) -> None:
        with contextlib.redirect_stdout(sys.stderr):
            if problem := fetch.fetch(published, staging):
                raise MissingDataError(problem)

    def load() -> None:
        dataset = load_dataset("mnist", Path(folder))
        print(len(dataset.train), len(dataset.test))

    def unpacked(content: dict[str, str]) -> dict[str, bytes]:
        return {name: bytes.fromhex(digits) for name, digits in content.items()}

    PUBLISHED["mnist"] = small_mnist(unpacked(files), unpacked(packed), [mirror])
    _replace(download, "_fetch", fetch_here)
    _do(load)
