"""Runs opened with their networks and the images they are scored on."""

import shutil
from pathlib import Path

import pytest
import torch

from tinymnist import load_run, load_spec, train
from tinymnist.data import Dataset, load_dataset
from tinymnist.errors import DataError, UsageError
from tinymnist.spec.data import Data
from tinymnist.training import Run, trained
from tinymnist.training.trained import open_trained

Loads = list[str]


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> Loads:
    """The names of the data sets that are loaded."""
    names: Loads = []

    def load(asked: Data, *given: object) -> Dataset:
        names.append(asked.dataset)
        return load_dataset("mnist-5k")

    monkeypatch.setattr(trained, "load_images", load)
    return names


@pytest.fixture(scope="module")
def held(quick: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that holds out 500 images."""
    spec = load_spec(quick, ["train.epochs=1"])
    return train(spec, seed=1, dataset="mnist-5k", validation=500, output=tmp_path_factory.mktemp("runs"), name="held")


def test_the_network_is_the_runs_and_the_data_set_its_own(small_run: Path) -> None:
    run = load_run(small_run)
    (opened,) = open_trained([run])
    assert (opened.run, opened.data.name, opened.scored_on, opened.device.type) == (run, "mnist-5k", "test", "cpu")
    assert not opened.model.training
    expected = run.load_model().state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in opened.model.state_dict().items())


def test_a_data_set_is_loaded_once_for_several_runs(small_run: Path, held: Run, loads: Loads) -> None:
    both = open_trained([load_run(small_run), held])
    assert loads == ["mnist-5k"]
    assert both[0].data is both[1].data


@pytest.mark.parametrize("damaged", [0, 1], ids=["first", "last"])
def test_what_is_damaged_is_not_worth_a_download(damaged: int, small_run: Path, tmp_path: Path, loads: Loads) -> None:
    copy = Path(shutil.copytree(small_run, tmp_path / "run"))
    (copy / "weights.safetensors").write_bytes(b"")
    runs = [load_run(small_run), load_run(small_run)]
    runs[damaged] = load_run(copy)
    with pytest.raises(DataError, match="damaged"):
        open_trained(runs)
    assert loads == []


def test_held_out_images_are_scored_only_where_asked_for(held: Run, small_run: Path) -> None:
    (test,), (validation,) = open_trained([held]), open_trained([held], held_out=True)
    (named,) = open_trained([held], "mnist-5k", held_out=True)
    assert [(each.scored_on, len(each.data.test)) for each in (test, validation, named)] == [
        ("test", 1000),
        ("validation", 500),
        ("test", 1000),
    ]
    (without,) = open_trained([load_run(small_run)], held_out=True)
    assert without.scored_on == "test"


def test_training_images_are_never_scored() -> None:
    with pytest.raises(UsageError, match="was trained on mnist, so it may know images of mnist-5k that are scored"):
        open_trained([load_run("smooth675")], "mnist-5k")


def test_images_that_a_run_may_know_are_not_even_loaded(loads: Loads) -> None:
    with pytest.raises(UsageError, match="so it may know images of emnist-digits that are scored"):
        open_trained([load_run("smooth675")], "emnist-digits")
    assert loads == []


def test_an_unknown_data_set_is_refused_before_anything_is_read(small_run: Path, loads: Loads) -> None:
    with pytest.raises(UsageError, match="--dataset mnits: no such data set"):
        open_trained([load_run(small_run)], "mnits")
    assert loads == []
