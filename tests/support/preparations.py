"""What a test can do in a child of the nursery before its command begins."""

import contextlib
import hashlib
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinymnist import __main__, load_run
from tinymnist.console import report_error
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


def small_mnist(files: dict[str, bytes], packed: dict[str, bytes]) -> list[tuple[object, str, object]]:
    """What to replace, as (object, name, replacement), so that MNIST is these files for tinymnist and torchvision."""
    from torchvision import datasets

    from tinymnist.data import published
    from tinymnist.data.catalogue import MNIST

    described = tuple(
        replace(file, size=len(files[file.stem]), digest=hashlib.sha256(files[file.stem]).hexdigest())
        for file in MNIST.files
    )
    small = replace(MNIST, files=described)
    resources = [(name, hashlib.md5(content).hexdigest()) for name, content in packed.items()]
    return [
        (published, "MNIST", small),
        (published, "IDX_DATASETS", {"mnist": small}),
        (datasets.MNIST, "resources", resources),
    ]


def load_small_mnist(files: dict[str, str], packed: dict[str, str], mirror: str, folder: str) -> None:
    """Makes the child download and load a small data set, given in hexadecimal."""
    from torchvision import datasets

    from tinymnist.data import download, fetch, load_dataset
    from tinymnist.data.idx import MissingDataError

    def fetch_here(dataset: object, staging: Path, _: float) -> None:
        with contextlib.redirect_stdout(sys.stderr):
            if problem := fetch.fetch(dataset, staging):  # type: ignore[arg-type]
                raise MissingDataError(problem)

    def load() -> None:
        dataset = load_dataset("mnist", Path(folder))
        print(len(dataset.train), len(dataset.test))

    def unpacked(content: dict[str, str]) -> dict[str, bytes]:
        return {name: bytes.fromhex(digits) for name, digits in content.items()}

    for where, name, what in small_mnist(unpacked(files), unpacked(packed)):
        _replace(where, name, what)
    _replace(datasets.MNIST, "mirrors", [mirror])
    _replace(download, "_fetch", fetch_here)
    _do(load)
