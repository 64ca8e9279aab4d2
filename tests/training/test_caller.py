"""A library leaves its caller alone, and gives the same bits in every thread."""

import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import pytest
import torch

import tinymnist
from tests.support.command_line import ARCHS
from tests.support.trainings import ENGINES
from tinymnist.data import load_dataset
from tinymnist.model import summarize
from tinymnist.training.precision import exact_convolutions
from tinymnist.training.threads import torch_threads


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_trainings_in_threads_have_the_bits_of_their_seeds(engine: str, quick: Path, tmp_path: Path) -> None:
    spec = tinymnist.load_spec(quick, ["train.epochs=1", f"train.engine={engine}"])

    def weights(output: str, seed: int) -> str:
        run = tinymnist.train(spec, seed=seed, dataset="mnist-5k", output=tmp_path / output)
        return run.result.weights_sha256

    alone = [weights("alone", seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        at_once = [*pool.map(weights, ["first"] * 4 + ["second"] * 4, [*range(4)] * 2)]
    assert at_once == alone + alone


CALLS: dict[str, Callable[[Path, Path], object]] = {
    "evaluate": lambda run, _: tinymnist.evaluate(run),
    "predict": lambda run, folder: tinymnist.predict(run, [folder / "digit.png"]),
    "load_model": lambda run, _: tinymnist.load_run(run).load_model(),
    "a packaged network": lambda _, __: tinymnist.load_run("tiny3130").load_model(),
    "summarize": lambda _, __: summarize(tinymnist.load_spec("tiny3130")),
    "train, native": lambda run, folder: _train(folder, "native"),
    "train, torch": lambda run, folder: _train(folder, "torch"),
}


def _train(output: Path, engine: str) -> None:
    overrides = ["train.epochs=1", "train.batch_size=2000", f"train.engine={engine}"]
    spec = tinymnist.load_spec(ARCHS / "tiny3130.yaml", overrides)
    tinymnist.train(spec, seed=1, dataset="mnist-5k", output=output, threads=1)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_public_functions_leave_the_callers_settings_alone(
    call: Callable[[Path, Path], object], small_run: Path, tmp_path: Path
) -> None:
    cv2.imwrite(str(tmp_path / "digit.png"), load_dataset("mnist-5k").test.images[0, 0].numpy())
    torch.manual_seed(5)
    with torch_threads(2):
        before, filters = torch.get_rng_state(), list(warnings.filters)
        call(small_run, tmp_path)
        assert torch.equal(torch.get_rng_state(), before)
        assert (torch.get_num_threads(), list(warnings.filters)) == (2, filters)


def _in_another_thread(call: Callable[[], int]) -> int:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()


def test_a_thread_that_begins_during_a_training_has_the_callers_number_of_threads() -> None:
    def count() -> int:
        with torch_threads(None):
            return torch.get_num_threads()

    with torch_threads(3):
        with torch_threads(1):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 3
    outside = torch.get_num_threads()
    with torch_threads(outside + 1):
        assert _in_another_thread(count) == outside
        assert torch.get_num_threads() == outside + 1
    assert _in_another_thread(torch.get_num_threads) == torch.get_num_threads() == outside


def test_the_last_of_two_threads_puts_the_settings_of_convolutions_back() -> None:
    def settings() -> tuple[bool, bool]:
        return torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic

    before = settings()
    inside, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with exact_convolutions():
            inside.set()
            leave.wait(60)

    thread = threading.Thread(target=stay)
    with exact_convolutions():
        thread.start()
        assert inside.wait(60)
    assert settings() == (False, True)
    leave.set()
    thread.join()
    assert settings() == before
