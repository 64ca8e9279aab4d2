"""What the tests share: the command line called in this process, and finished runs."""

import atexit
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import ARCHS, ROOT, Cli, Outcome
from tests.support.nursery import Fault, Nursery
from tests.support.trainings import ENGINES, Uncut, outcome_of, training

if TYPE_CHECKING:
    from tests.support.browser import Page

_CACHE = tempfile.TemporaryDirectory(prefix="tinymnist-tests-")
atexit.register(_CACHE.cleanup)
os.environ["XDG_CACHE_HOME"] = _CACHE.name  # tests leave the user's own cache alone
os.environ.setdefault("OMP_NUM_THREADS", "1")  # the networks here are too small for more, and tests may share the cores


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Calls `tinymnist ARGUMENTS…` in this process."""
    from tinymnist.cli import run

    def call(*arguments: object) -> Outcome:
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture
def spec_file(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a spec and returns its path."""

    def write(text: str, name: str = "net.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run: one epoch of tiny3130 on mnist-5k, seed 7. Tests must not change it."""
    import tinymnist

    spec = tinymnist.load_spec(ARCHS / "tiny3130.yaml", ["train.epochs=1", "train.batch_size=64"])
    output = tmp_path_factory.mktemp("runs")
    run = tinymnist.train(spec, seed=7, dataset="mnist-5k", device="cpu", output=output, name="small")
    return run.path


QUICK_NET = """
name: quick
blocks:
  - convs: [{out_channels: 6, stride: 4}]
    pool: max
    dropout: 0.05
train: {epochs: 2, batch_size: 400, augment: [], schedule: {name: one_cycle, max_lr: 0.1}}
"""


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that trains in a second, with dropout, so that it draws random numbers in every step."""
    path = tmp_path_factory.mktemp("archs") / "quick.yaml"
    path.write_text(QUICK_NET, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def mnist_dir() -> Path:
    """The folder of the real MNIST: `TINYMNIST_DATA`, or `../shared/data/mnist`."""
    from tinymnist.data.catalogue import MNIST
    from tinymnist.data.finding import MissingDataError, find_files

    folder = Path(os.environ.get("TINYMNIST_DATA", ROOT.parent / "shared" / "data" / "mnist"))
    try:
        find_files(MNIST, folder)
    except MissingDataError:
        pytest.skip("no MNIST here: set TINYMNIST_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator["Page"]:
    """A page of a Chromium or Chrome without a window, shared by all tests: set its size and open a file first."""
    from tests.support.browser import browser_page, find_browser

    program = find_browser()
    if program is None:
        pytest.skip("no Chromium or Chrome is installed")
    with browser_page(program) as page:
        yield page


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """Runs many commands in processes of their own, with faults on demand."""
    if os.name != "posix":
        pytest.skip("forks")
    here = Nursery(tmp_path_factory.mktemp("nursery"))
    yield here
    here.close()


@pytest.fixture(scope="session", params=ENGINES)
def uncut(
    nursery: Nursery, quick: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Uncut:
    """An uninterrupted training with each engine: every other must end with the same outcome."""
    arguments = training(quick, request.param, "--seed", 1)
    for _ in range(2):  # the first compiles
        output = tmp_path_factory.mktemp("uncut")
        life = nursery.live(*arguments, "--output", output, fault=Fault(output))
        assert life.code == 0, life.err
    return Uncut(request.param, life, outcome_of(output / "run"), arguments)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--overwrite", action="store_true", help="Refresh the outputs shown in the documentation.")
