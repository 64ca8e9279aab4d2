"""The accuracy on training images as they are: measured after each epoch, beside the one on distorted images."""

import csv
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from tests.support.command_line import Cli
from tests.support.trainings import ENGINES, StopAfter
from tests.training.test_strangers import forge
from tinymnist import load_spec, train
from tinymnist.data import Split, load_dataset
from tinymnist.errors import Interrupted
from tinymnist.model.pixels import normalized
from tinymnist.training import RunDirectory, loop, resume
from tinymnist.training.metrics import read_metrics, write_metrics
from tinymnist.training.observer import EpochRow
from tinymnist.training.score import score

DISTORTED = ["train.augment=[{ShiftScaleRotate: {rotate_limit: 45, p: 1.0}}]", "blocks[0].dropout=0.3"]


@pytest.fixture(scope="module", params=ENGINES)
def run(quick: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> RunDirectory:
    """A training on distorted images with each engine."""
    spec = load_spec(quick, [*DISTORTED, f"train.engine={request.param}"])
    return train(spec, seed=1, dataset="mnist-5k", output=tmp_path_factory.mktemp("runs"), name="run")


def test_it_is_the_accuracy_of_the_network_on_as_many_training_images_as_are_scored(run: RunDirectory) -> None:
    images = load_dataset("mnist-5k").train
    chosen = Split(images.images[::4], images.labels[::4])
    inputs = normalized(chosen.images, run.spec.train.normalize, torch.device("cpu"))
    expected = score(run.load_model(), inputs, chosen.labels).accuracy
    last = run.read_metrics()[-1]
    assert last.clean_train_accuracy == pytest.approx(expected, abs=0.11)  # one image in a thousand
    assert last.clean_train_accuracy is not None
    assert last.clean_train_accuracy > last.train_accuracy + 5


def test_a_sample_is_spread_over_all_images() -> None:
    images = Split(torch.arange(10), torch.arange(10))
    assert images.sample(4).labels.tolist() == [0, 2, 5, 7]
    assert images.sample(20).labels.tolist() == list(range(10))


def test_it_changes_no_bit_of_the_weights(run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "MOST_KNOWN", 1)
    other = train(run.spec, seed=1, dataset="mnist-5k", output=tmp_path, name="run")
    assert other.result.weights_sha256 == run.result.weights_sha256
    assert {row.clean_train_accuracy for row in other.read_metrics()} <= {0.0, 100.0}


def test_metrics_of_earlier_versions_are_read_without_it(cli: Cli, run: RunDirectory, tmp_path: Path) -> None:
    with (run.path / "metrics.csv").open() as stream:
        rows = [list(row.values())[:-1] for row in csv.DictReader(stream)]
    header = list(asdict(run.read_metrics()[0]))[:-1]
    old = tmp_path / "metrics.csv"
    old.write_text("\n".join(",".join(row) for row in [header, *rows]) + "\n")
    expected = [replace(row, clean_train_accuracy=None) for row in run.read_metrics()]
    assert read_metrics(old) == [expected]


def test_metrics_may_have_it_in_some_rows_alone(tmp_path: Path) -> None:
    row = EpochRow(1, 0.1, 1.0, 50.0, 1.0, 50.0, 1.0, 1.0)
    rows = [row, replace(row, epoch=2, clean_train_accuracy=97.5)]
    write_metrics(rows, tmp_path / "metrics.csv")
    assert read_metrics(tmp_path / "metrics.csv") == [rows]


def test_a_checkpoint_of_an_earlier_version_is_resumed_and_reported(cli: Cli, quick: Path, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        train(load_spec(quick), seed=1, dataset="mnist-5k", output=tmp_path, name="run", observer=StopAfter(13))
    row = EpochRow(1, 0.1, 1.0, 50.0, 1.0, 50.0, 1.0, 1.0)
    old = {key: value for key, value in asdict(row).items() if key != "clean_train_accuracy"}
    forge(tmp_path / "run", {}, rows=[old])
    first, second = resume(tmp_path / "run").read_metrics()
    assert first == row
    assert second.clean_train_accuracy is not None
    assert cli("report", tmp_path / "run", "--output", tmp_path / "report.html").code == 0
