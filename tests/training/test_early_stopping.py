"""Early stopping: held-out images decide when training ends and which weights are the result, also after resuming."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from tests.support.command_line import Cli
from tests.support.trainings import ENGINES, StopAfter, outcome_of
from tinymnist import load_spec, open_run, train, train_series
from tinymnist.errors import Interrupted
from tinymnist.spec.recipe import EarlyStopping
from tinymnist.training import RunDirectory, Series, resume, resume_series
from tinymnist.training.early_stopping import best_row, has_stalled
from tinymnist.training.observer import EpochRow
from tinymnist.training.trained import open_trained

RESTLESS = ["train.epochs=40", "train.schedule={name: constant, lr: 0.5}"]
"""A recipe whose accuracy rises and falls, so that it soon falls for the first time."""
STOPPING = [*RESTLESS, "train.early_stopping=1"]
HELD_OUT: dict[str, Any] = {"dataset": "mnist-5k", "validation": 500}
STEPS = 9
"""Steps per epoch: 3,500 images in batches of 400."""
KINDS = {"plain": [], "averaged": ["train.ema=0.9"], "muon": ["train.optimizer=muon"]}


def rows_with(*accuracies: float) -> list[EpochRow]:
    return [EpochRow(epoch, 0.1, 1.0, 50.0, 1.0, each, 1.0, 1.0) for epoch, each in enumerate(accuracies, start=1)]


@pytest.mark.parametrize(
    ("options", "accuracies", "stalled"),
    [
        ({"patience": 2}, [], False),
        ({"patience": 2}, [90, 91, 91], False),
        ({"patience": 2}, [90, 91, 91, 90], True),
        ({"patience": 2}, [90, 89, 91, 90], False),
        ({"patience": 1}, [90, 90], True),
        ({"patience": 2, "min_improvement": 0.5}, [90, 90.4, 90.5], True),
        ({"patience": 2, "min_improvement": 0.5}, [90, 90.4, 90.6, 91.0], False),
    ],
)
def test_training_has_stalled_after_so_many_epochs_without_a_better_accuracy(
    options: dict[str, Any], accuracies: list[float], stalled: bool
) -> None:
    assert has_stalled(EarlyStopping.model_validate(options), rows_with(*accuracies)) == stalled


def test_the_best_epoch_is_the_first_of_equals() -> None:
    assert best_row(rows_with(90, 92, 91, 92)).epoch == 2


@pytest.mark.parametrize("seeds", [[], ["--seeds", 2]], ids=["run", "series"])
def test_without_held_out_images_it_is_refused(cli: Cli, quick: Path, tmp_path: Path, seeds: list[object]) -> None:
    options = ["--set", "train.early_stopping=3", "--dataset", "mnist-5k", "--output", tmp_path / "runs", *seeds]
    outcome = cli("train", quick, *options)
    assert (outcome.code, outcome.err) == (
        2,
        "tinymnist: quick: train.early_stopping: goes by the accuracy on held-out images, and the test set decides "
        "nothing: hold images out with --validation N\n",
    )
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
@pytest.mark.parametrize("engine", ENGINES)
def test_the_result_is_the_best_epoch_to_the_bit(quick: Path, tmp_path: Path, engine: str, kind: list[str]) -> None:
    more = [*kind, f"train.engine={engine}"]
    run = train(load_spec(quick, [*STOPPING, *more]), seed=3, output=tmp_path, name="stopped", **HELD_OUT)
    rows, result = run.read_metrics(), run.result
    best = best_row(rows)
    assert (result.epochs, result.stopped_early, result.best_epoch) == (best.epoch + 1, True, best.epoch)
    assert (result.accuracy, result.loss, result.train_accuracy) == (
        best.eval_accuracy,
        best.eval_loss,
        best.train_accuracy,
    )
    until_best = [*RESTLESS, *more, f"train.epochs={best.epoch}"]
    plain = train(load_spec(quick, until_best), seed=3, output=tmp_path, name="plain", **HELD_OUT)
    assert result.weights_sha256 == plain.result.weights_sha256
    (trained,) = open_trained([run], held_out=True)
    assert trained.scored_on == "validation"


def test_without_early_stopping_the_last_epoch_is_the_result(quick: Path, tmp_path: Path) -> None:
    stopped = train(load_spec(quick, STOPPING), seed=3, output=tmp_path, name="stopped", **HELD_OUT)
    epochs = stopped.result.epochs
    run = train(load_spec(quick, [*RESTLESS, f"train.epochs={epochs}"]), seed=3, output=tmp_path, **HELD_OUT)
    assert [row.eval_loss for row in run.read_metrics()] == [row.eval_loss for row in stopped.read_metrics()]
    result, last = run.result, run.read_metrics()[-1]
    assert (result.accuracy, result.loss) == (last.eval_accuracy, last.eval_loss)
    assert (result.epochs, result.stopped_early, result.best_epoch) == (epochs, False, None)
    assert result.weights_sha256 != stopped.result.weights_sha256


@pytest.fixture(scope="module", params=ENGINES)
def uncut(quick: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> RunDirectory:
    """A training that stops early and was never interrupted, of averaged weights; with each engine."""
    spec = load_spec(quick, [*STOPPING, "train.ema=0.9", f"train.engine={request.param}"])
    return train(spec, seed=3, output=tmp_path_factory.mktemp("uncut"), name="run", **HELD_OUT)


@pytest.mark.parametrize("place", ["early", "end of the best epoch", "after it", "within the last"])
def test_an_interrupted_training_resumes_to_the_same_bits(uncut: RunDirectory, tmp_path: Path, place: str) -> None:
    assert uncut.result.best_epoch is not None
    done = STEPS * uncut.result.best_epoch
    step = {"early": 4, "end of the best epoch": done, "after it": done + 1, "within the last": done + STEPS - 1}
    with pytest.raises(Interrupted):
        train(uncut.spec, seed=3, output=tmp_path, name="run", observer=StopAfter(step[place]), **HELD_OUT)
    resume(tmp_path / "run")
    assert outcome_of(tmp_path / "run") == outcome_of(uncut.path)


def test_killed_before_its_result_was_written_a_training_that_had_stopped_gives_it(quick: Path, tmp_path: Path) -> None:
    run = train(load_spec(quick, STOPPING), seed=3, output=tmp_path, name="run", **HELD_OUT)
    before = outcome_of(run.path)
    (run.path / "result.json").unlink()
    (run.path / "weights.safetensors").unlink()
    resume(run.path)
    assert outcome_of(run.path) == before


def test_the_checkpoint_holds_the_best_weights_once_more(uncut: RunDirectory) -> None:
    with (
        safe_open(uncut.checkpoint, framework="pt") as checkpoint,
        safe_open(uncut.path / "weights.safetensors", framework="pt") as weights,
    ):
        kept = {name for name in checkpoint.offset_keys() if name.startswith("best.")}
        assert kept == {f"best.{name}" for name in weights.offset_keys()}
        for name in weights.offset_keys():
            assert checkpoint.get_tensor(f"best.{name}").equal(weights.get_tensor(name))


def test_a_distilled_network_stops_early_and_resumes_to_the_same_bits(quick: Path, tmp_path: Path) -> None:
    teacher = train(load_spec(quick), seed=5, output=tmp_path, name="teacher", **HELD_OUT)
    spec = load_spec(quick, [*STOPPING, f"train.distill={{teacher: {teacher.path}}}"])
    uncut = train(spec, seed=3, output=tmp_path, name="uncut", **HELD_OUT)
    assert uncut.result.stopped_early
    with pytest.raises(Interrupted):
        train(spec, seed=3, output=tmp_path, name="cut", observer=StopAfter(STEPS + 3), **HELD_OUT)
    resume(tmp_path / "cut")
    assert outcome_of(tmp_path / "cut") == outcome_of(uncut.path)


def test_the_end_says_when_training_stopped_and_which_weights_these_are(cli: Cli, quick: Path, tmp_path: Path) -> None:
    run = train(load_spec(quick, STOPPING), seed=3, output=tmp_path, name="run", **HELD_OUT)
    best = best_row(run.read_metrics()).epoch
    words = f"stopped early after {best + 1} of 40 epochs, weights of epoch {best}"
    assert f", seed 3, {words}, " in cli("train", "--resume", run.path).out.splitlines()[0]
    content = json.loads(cli("train", "--resume", run.path, "--json").out)
    assert (content["epochs"], content["stopped_early"], content["best_epoch"]) == (best + 1, True, best)
    assert f" {best + 1} of 40, stopped early, best {best}  " in cli("runs", tmp_path).out.splitlines()[1]
    (standing,) = json.loads(cli("runs", tmp_path, "--json").out)["runs"]
    shown = [standing[key] for key in ("epochs", "of_epochs", "stopped_early", "best_epoch")]
    assert shown == [best + 1, 40, 1, best]
    assert cli("report", run.path, "--output", tmp_path / "report.html").code == 0
    assert words in (tmp_path / "report.html").read_text()


# Series


@pytest.fixture(scope="module")
def series(quick: Path, tmp_path_factory: pytest.TempPathFactory) -> Series:
    """Four seeds, which stop at different epochs."""
    spec = load_spec(quick, STOPPING)
    return train_series(spec, [1, 2, 3, 4], jobs=1, output=tmp_path_factory.mktemp("series"), name="series", **HELD_OUT)


def test_seeds_of_a_series_may_stop_at_different_epochs(series: Series) -> None:
    result, runs = series.result, series.runs
    assert result.epochs_by_seed == [run.result.epochs for run in runs]
    assert len(set(result.epochs_by_seed)) > 1
    assert result.epochs == max(result.epochs_by_seed)
    assert result.best_epochs == [best_row(run.read_metrics()).epoch for run in runs]
    assert result.stopped_early == 4
    assert result.accuracies == [best_row(run.read_metrics()).eval_accuracy for run in runs]


def test_the_metrics_of_a_series_have_the_epochs_of_each_seed(series: Series) -> None:
    assert series.metrics_by_seed == [run.read_metrics() for run in series.runs]
    with (series.path / "metrics.csv").open() as stream:
        seeds = [row["seed"] for row in csv.DictReader(stream)]
    assert series.result.epochs_by_seed == [seeds.count(seed) for seed in "1234"]


def test_a_series_shows_the_epochs_of_each_seed(cli: Cli, series: Series, tmp_path: Path) -> None:
    epochs, best = series.result.epochs_by_seed, series.result.best_epochs
    assert epochs
    assert best
    lines = cli("train", "--resume", series.path).out.splitlines()
    assert lines[0] == "quick, 622 parameters, up to 40 epochs, on the 500 held-out training images of mnist-5k"
    assert lines[1] == "seed        accuracy     loss  epochs  weights of epoch"
    assert [line.split()[-2:] for line in lines[2:6]] == [[str(a), str(b)] for a, b in zip(epochs, best, strict=True)]
    assert f" {min(epochs)} of 40, 4 stopped early  " in cli("runs", series.path.parent).out
    assert cli("report", series.path, "--output", tmp_path / "report.html").code == 0
    page = (tmp_path / "report.html").read_text()
    assert f"{min(epochs)} to {max(epochs)} of 40, 4 of 4 seeds stopped early" in page
    assert f"{min(best)} to {max(best)}" in page


def test_the_last_epochs_are_those_that_each_seed_was_trained(cli: Cli, series: Series) -> None:
    lowest = min(row.eval_accuracy for run in series.runs for row in run.read_metrics()[-2:])
    outcome = cli("train", "--resume", series.path, "--target", 1.5, "--last-epochs", 2, "--json")
    verdict = json.loads(outcome.out)["verdict"]
    assert (verdict["lowest"], verdict["passed"], outcome.code) == (lowest, 4, 0)
    fewest = min(series.result.epochs_by_seed or ())
    outcome = cli("train", "--resume", series.path, "--target", 1.5, "--last-epochs", 40)
    assert (outcome.code, outcome.err) == (
        2,
        f"tinymnist: --last-epochs 40: expects a number from 1 to the epochs trained, {fewest}\n",
    )


def test_a_stopped_series_resumes_to_the_same_figures(series: Series) -> None:
    before = outcome_of(series.path)
    for path in (series.path, series.path / "seed-2"):
        (path / "result.json").unlink()
    again = open_run(series.path)
    assert isinstance(again, Series)
    resume_series(again, jobs=1)
    assert outcome_of(series.path) == before
