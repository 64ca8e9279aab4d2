"""A training that starts from the weights of a finished run, and never scores images that those know."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.support.command_line import ARCHS, Cli
from tests.support.trainings import StopAfter
from tinymnist import Spec, load_spec, train
from tinymnist.data import load_dataset
from tinymnist.data.catalogue import MNIST_5K, PUBLISHED
from tinymnist.errors import DataError, Interrupted, UsageError
from tinymnist.training import Observer, Run, RunDirectory, Series, load_run, open_run, resume
from tinymnist.training.initial import refuse_unfit_initial
from tinymnist.training.records import TrainedOn

STILL = ("train.epochs=1", "train.schedule={name: constant, lr: 1.0e-12}")
"""A recipe that changes no weight."""


@pytest.fixture(scope="module")
def first(quick: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    return train(load_spec(quick), seed=5, dataset="mnist-5k", output=tmp_path_factory.mktemp("runs"), name="first")


def longer(run: RunDirectory, *overrides: str) -> Spec:
    return load_spec(run.path / "spec.yaml", overrides)


def more(spec: Spec, source: Path, output: Path, name: str, observer: Observer | None = None) -> RunDirectory:
    """A training with seed 1 that starts from the weights of `source`."""
    return train(spec, seed=1, dataset="mnist-5k", output=output, name=name, initial=source, observer=observer)


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_training_starts_from_the_weights(engine: str, first: RunDirectory, tmp_path: Path) -> None:
    spec = longer(first, *STILL, f"train.engine={engine}")
    run = more(spec, first.path, tmp_path, "more")
    before, after = dict(first.load_model().named_parameters()), dict(run.load_model().named_parameters())
    assert all(torch.allclose(after[name], before[name], rtol=0, atol=1e-9) for name in before)


@pytest.mark.parametrize("steps", [1, 13])
def test_it_resumes_to_the_same_bits(steps: int, first: RunDirectory, tmp_path: Path) -> None:
    spec = longer(first, "train.ema=0.9")
    uncut = more(spec, first.path, tmp_path, "uncut")
    with pytest.raises(Interrupted):
        more(spec, first.path, tmp_path, "cut", StopAfter(steps))
    assert _weights(resume(tmp_path / "cut")) == _weights(uncut)


def test_before_the_first_checkpoint_it_needs_that_run_again(first: RunDirectory, tmp_path: Path) -> None:
    source = shutil.copytree(first.path, tmp_path / "source")
    uncut = more(longer(first), source, tmp_path, "uncut")
    begun = shutil.copytree(uncut.path, tmp_path / "begun")
    for name in ("result.json", "weights.safetensors", "metrics.csv", "checkpoint/state.safetensors"):
        (begun / name).unlink()
    shutil.move(source, tmp_path / "elsewhere")
    with pytest.raises(DataError) as error:
        resume(begun)
    assert str(error.value).startswith(f"{begun}: has no checkpoint yet, and cannot start again: --from: ")
    assert str(error.value).endswith(": no such run directory: `tinymnist train` makes one under runs/")
    shutil.move(tmp_path / "elsewhere", source)
    assert _weights(resume(begun)) == _weights(uncut)


def test_other_weights_in_its_place_are_refused(first: RunDirectory, quick: Path, tmp_path: Path) -> None:
    source = shutil.copytree(first.path, tmp_path / "source")
    run = more(longer(first, *STILL), source, tmp_path, "begun")
    for name in ("result.json", "checkpoint/state.safetensors"):
        (run.path / name).unlink()
    shutil.rmtree(source)
    train(load_spec(quick, ["train.epochs=1"]), seed=6, dataset="mnist-5k", output=tmp_path, name="source")
    with pytest.raises(DataError) as error:
        resume(run.path)
    assert str(error.value) == (
        f"{run.path}: {source} has other weights than those it was to start from: start a new run"
    )


def test_from_the_command_line_architecture_and_recipe_are_those_of_the_run(
    cli: Cli, first: RunDirectory, tmp_path: Path
) -> None:
    here = ["--output", tmp_path, "--seed", 1]  # and on its data set
    outcome = cli("train", "--from", first.path, *here, "--epochs", 1, "--name", "more")
    run = load_run(tmp_path / "more")
    assert (outcome.code, run.spec, run.environment.dataset) == (0, longer(first, "train.epochs=1"), "mnist-5k")
    assert outcome.err.splitlines()[0].endswith(f", from the weights of {first.path}")
    assert run.environment.initial is not None
    assert run.environment.initial.model_dump() == {
        "run": str(first.path),
        "weights_sha256": first.result.weights_sha256,
        "trained_on": [{"dataset": "mnist-5k", "validation": 0, "digest": MNIST_5K.digest}],
    }


@pytest.mark.slow
def test_a_packaged_network_goes_on(cli: Cli, mnist_dir: Path, tmp_path: Path) -> None:
    still = [argument for override in STILL for argument in ("--set", override)]
    outcome = cli(
        "train",
        "--from",
        "smooth675",
        *still,
        *_here(tmp_path, "mnist"),
        "--data-dir",
        mnist_dir,
        "--name",
        "more",
        "--json",
    )
    assert (outcome.code, json.loads(outcome.out)["parameters"]) == (0, 675)


def test_every_seed_of_a_series_starts_there(cli: Cli, first: RunDirectory, tmp_path: Path) -> None:
    arguments = ["train", "--from", first.path, *_here(tmp_path)[:-2], "--epochs", 1, "--name", "two", "--seeds", 2]
    assert cli(*arguments, "--jobs", 1).code == 0
    series = open_run(tmp_path / "two")
    assert isinstance(series, Series)
    assert series.declaration.initial is not None
    assert [run.environment.initial for run in series.runs] == 2 * [series.declaration.initial]


def test_other_layers_are_refused(cli: Cli, first: RunDirectory, tmp_path: Path) -> None:
    outcome = cli("train", ARCHS / "tiny3130.yaml", "--from", first.path, *_here(tmp_path))
    assert (outcome.code, outcome.err) == (
        2,
        f"tinymnist: --from {first.path}: does not belong to this network: block1.conv2.bias is in only one of the "
        "two: give the architecture of that run, or none\n",
    )


@pytest.mark.parametrize(
    ("known", "scored", "is_refused"),
    [
        (("mnist", 0), ("mnist", 0), False),
        (("mnist", 0), ("mnist", 5000), True),
        (("mnist", 5000), ("mnist", 5000), False),
        (("mnist", 5000), ("mnist", 6000), True),
        (("mnist", 5000), ("mnist", 0), False),
        (("mnist", 0), ("mnist-5k", 0), True),
        (("mnist-5k", 0), ("mnist", 0), False),
        (("mnist-5k", 0), ("mnist", 5000), True),
        (("mnist", 0), ("fashion-mnist", 5000), False),
        (("mnist-5k", 0), ("fashion-mnist", 0), False),
        (("mnist", 0), ("qmnist", 0), False),
        (("mnist", 5000), ("qmnist", 5000), True),
        (("qmnist", 0), ("mnist", 0), False),
        (("qmnist", 5000), ("mnist", 5000), True),
        (("qmnist", 5000), ("qmnist", 5000), False),
        (("qmnist", 0), ("mnist-5k", 0), True),
        (("mnist", 0), ("qmnist-50k", 0), False),
        (("mnist-5k", 0), ("qmnist-50k", 0), False),
        (("emnist-digits", 0), ("mnist", 0), True),
        (("emnist-mnist", 0), ("qmnist-50k", 0), True),
        (("mnist", 0), ("emnist-byclass", 0), True),
        (("emnist-digits", 0), ("emnist-mnist", 0), True),
        (("emnist-digits", 0), ("emnist-digits", 0), False),
        (("emnist-letters", 0), ("emnist-balanced", 0), True),
        (("emnist-letters", 0), ("emnist-digits", 0), False),
        (("mnist", 0), ("usps", 0), False),
        (("digits-8x8", 0), ("mnist", 5000), False),
        (("kmnist", 0), ("fashion-mnist", 0), False),
    ],
)
def test_images_that_the_weights_know_are_never_scored(
    known: tuple[str, int], scored: tuple[str, int], is_refused: bool, first: RunDirectory
) -> None:
    assert first.environment.data is not None
    origin = first.environment.data.model_copy(update={"digest": digest_of(known[0])})
    made = first.environment.model_copy(update={"dataset": known[0], "validation": known[1], "data": origin})
    run = RunDirectory(first.path, first.spec, made)
    data = replace(load_dataset("mnist-5k"), name=scored[0], digest=digest_of(scored[0]))
    if not is_refused:
        refuse_unfit_initial(run, first.spec, data, scored[1])
        return
    with pytest.raises(UsageError, match="so it may know images that are scored here"):
        refuse_unfit_initial(run, first.spec, data, scored[1])


def digest_of(name: str) -> str:
    """That of the catalogue, or where it has none, one that data sets of this name have."""
    return PUBLISHED[name].digest or hashlib.sha256(name.encode()).hexdigest()


def test_what_the_weights_know_is_handed_down(first: RunDirectory, tmp_path: Path) -> None:
    second = more(longer(first, *STILL), first.path, tmp_path, "second")
    elsewhere = second.environment.model_copy(update={"dataset": "fashion-mnist", "data": None})
    third = RunDirectory(second.path, second.spec, elsewhere)
    assert third.trained_on == (
        TrainedOn(dataset="fashion-mnist", validation=0),
        TrainedOn(dataset="mnist-5k", validation=0, digest=MNIST_5K.digest),
    )


def test_only_a_finished_run_will_do(cli: Cli, first: RunDirectory, tmp_path: Path) -> None:
    begun = shutil.copytree(first.path, tmp_path / "begun")
    (begun / "result.json").unlink()
    outcome = cli("train", "--from", begun, *_here(tmp_path))
    assert (outcome.code, outcome.err) == (
        2,
        f"tinymnist: --from: {begun}: not finished: resume it with `tinymnist train --resume {begun}`\n",
    )


def test_a_resumed_run_does_not_start_from_another(cli: Cli, first: RunDirectory) -> None:
    outcome = cli("train", "--resume", first.path, "--from", first.path)
    assert (outcome.code, outcome.err.startswith("tinymnist: --from: a resumed run keeps")) == (2, True)


def _here(folder: Path, dataset: str = "mnist-5k") -> list[object]:
    return ["--dataset", dataset, "--output", folder, "--seed", 1]


def _weights(run: Run) -> bytes:
    return (run.path / "weights.safetensors").read_bytes()
