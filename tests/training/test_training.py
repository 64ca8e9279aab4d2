"""Training: recorded, repeatable, resumable, and stopped without loss."""

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import tinymnist
from tests.support.command_line import ARCHS, Cli
from tinymnist.data.finding import MissingDataError
from tinymnist.errors import CheckFailed, DataError, DivergedError, Interrupted, RunError, SpecError, UsageError
from tinymnist.spec import load_spec
from tinymnist.training import Observer, Run, load_run, loop, resume, train
from tinymnist.training.checkpoint import Progress, State, load_checkpoint, save_checkpoint
from tinymnist.training.lock import locked
from tinymnist.training.observer import EpochRow, Step
from tinymnist.training.optimizer import apply, make_optimizer, optimizer_tensors
from tinymnist.training.schedule import Hyper

TINY = ARCHS / "tiny3130.yaml"


def weights(run: Path) -> bytes:
    return (run / "weights.safetensors").read_bytes()


@pytest.fixture(scope="module", params=["native", "torch"])
def whole(quick: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Run:
    """An uninterrupted training of each engine, with augmentation: what every resumed one must equal."""
    spec = load_spec(quick, ["train.augment=[{ShiftScaleRotate: {rotate_limit: 12}}]", f"train.engine={request.param}"])
    return train(spec, seed=1, dataset="mnist-5k", output=tmp_path_factory.mktemp("runs"), name="whole")


@pytest.fixture(scope="module")
def uncut_60(quick: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """An uninterrupted training that takes long enough to be killed from outside."""
    spec = load_spec(quick, ["train.epochs=60"])
    return train(spec, seed=1, dataset="mnist-5k", output=tmp_path_factory.mktemp("runs"), name="uncut")


class StopAt(Observer):
    """Sends this process a signal after so many steps."""

    def __init__(self, steps: int, number: signal.Signals = signal.SIGINT) -> None:
        self.left = steps
        self.number = number

    def stepped(self, step: Step) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), self.number)


def test_the_run_directory_holds_all_of_it(small_run: Path) -> None:
    assert sorted(path.name for path in small_run.iterdir() if path.name != ".lock") == [
        "checkpoint",
        "environment.json",
        "metrics.csv",
        "result.json",
        "spec.yaml",
        "weights.safetensors",
    ]
    assert [path.name for path in (small_run / "checkpoint").iterdir()] == ["state.safetensors"]


def test_spec_yaml_is_the_resolved_spec(small_run: Path) -> None:
    expected = load_spec(TINY, ["train.epochs=1", "train.batch_size=64"])
    assert load_spec(small_run / "spec.yaml") == expected


def test_environment_records_how_it_was_made(small_run: Path) -> None:
    environment = json.loads((small_run / "environment.json").read_text())
    facts = {key: environment[key] for key in ("schema_version", "seed", "dataset", "engine", "augmentation")}
    assert facts == {
        "schema_version": 1,
        "seed": 7,
        "dataset": "mnist-5k",
        "engine": "native",
        "augmentation": "batched",
    }
    assert environment["threads"] == torch.get_num_threads()
    assert environment["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert list(environment["checksums"]) == ["mnist_5k.csv"]


@pytest.mark.slow
def test_one_image_at_a_time_resumes_to_the_same_bits(quick: Path, tmp_path: Path) -> None:
    spec = load_spec(quick, ["train.augment=[{GaussNoise: {p: 0.5}}, {Affine: {rotate: [-9, 9]}}]"])
    uncut = train(spec, seed=1, dataset="mnist-5k", output=tmp_path, name="uncut")
    assert uncut.environment.augmentation == "albumentations"
    with pytest.raises(Interrupted):
        train(spec, seed=1, dataset="mnist-5k", output=tmp_path, name="cut", observer=StopAt(7))
    assert weights(resume(tmp_path / "cut").path) == weights(uncut.path)


def test_metrics_have_one_row_per_epoch(whole: Run) -> None:
    with (whole.path / "metrics.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert list(rows[0]) == [
        "epoch", "lr", "train_loss", "train_accuracy", "eval_loss", "eval_accuracy", "seconds", "images_per_second",
        "clean_train_accuracy",
    ]  # fmt: skip
    assert float(rows[1]["eval_accuracy"]) == whole.result.accuracy


def test_result_is_the_last_epoch(whole: Run) -> None:
    result = whole.result.model_dump()
    facts = {key: result[key] for key in ("schema_version", "name", "parameters", "dataset", "seed", "epochs", "n")}
    assert facts == {
        "schema_version": 1,
        "name": "quick",
        "parameters": 622,
        "dataset": "mnist-5k",
        "seed": 1,
        "epochs": 2,
        "n": 1000,
    }
    assert set(result) - set(facts) == {
        "run", "scored_on", "chosen_on", "accuracy", "loss", "train_accuracy", "train_loss", "seconds",
        "weights_sha256", "stopped_early", "best_epoch", "data_digest", "warnings",
    }  # fmt: skip


def test_one_epoch_on_5k_learns_to_read(small_run: Path) -> None:
    assert load_run(small_run).result.accuracy > 85


def test_the_same_seed_gives_the_same_bits(whole: Run, tmp_path: Path) -> None:
    again = train(whole.spec, seed=1, dataset="mnist-5k", output=tmp_path, name="again")
    assert weights(again.path) == weights(whole.path)


def test_another_seed_gives_other_weights(whole: Run, tmp_path: Path) -> None:
    other = train(whole.spec, seed=2, dataset="mnist-5k", output=tmp_path, name="other")
    assert weights(other.path) != weights(whole.path)


def test_without_a_seed_one_is_drawn_and_recorded(quick: Path, tmp_path: Path) -> None:
    spec = load_spec(quick, ["train.epochs=1"])
    runs = [train(spec, dataset="mnist-5k", output=tmp_path, name=name) for name in ("a", "b")]
    assert runs[0].environment.seed != runs[1].environment.seed
    assert runs[0].result.seed == runs[0].environment.seed


def test_from_python_a_fallback_is_a_warning(quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_download(*_: object) -> None:
        raise MissingDataError("no internet")

    monkeypatch.setattr("tinymnist.data.published.download", no_download)
    monkeypatch.setenv("TINYMNIST_DATA", str(tmp_path / "empty"))
    with pytest.warns(UserWarning, match=r"MnistUnavailable\(problem=.*no internet"):
        run = train(load_spec(quick, ["train.epochs=1"]), output=tmp_path, name="run")
    assert tinymnist.evaluate(tmp_path / "run").accuracy == run.result.accuracy


def test_training_leaves_torchs_own_generator_alone(quick: Path, tmp_path: Path) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    train(load_spec(quick, ["train.epochs=1"]), seed=1, dataset="mnist-5k", output=tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("steps", "number", "code"),
    [(1, signal.SIGINT, 130), (7, signal.SIGTERM, 143), (10, signal.SIGINT, 130), (13, signal.SIGTERM, 143)],
    ids=["first step", "within epoch 1", "end of epoch 1", "within epoch 2"],
)
def test_a_stopped_training_resumes_to_the_same_bits(
    whole: Run, tmp_path: Path, steps: int, number: signal.Signals, code: int
) -> None:
    with pytest.raises(Interrupted) as caught:
        train(whole.spec, seed=1, dataset="mnist-5k", output=tmp_path, name="cut", observer=StopAt(steps, number))
    assert caught.value.exit_code == code
    assert str(caught.value).endswith(f"resume it with `tinymnist train --resume {tmp_path / 'cut'}`")
    assert not load_run(tmp_path / "cut").finished
    resumed = resume(tmp_path / "cut")
    assert weights(resumed.path) == weights(whole.path)
    apart = {"run", "seconds"}
    assert resumed.result.model_dump(exclude=apart) == whole.result.model_dump(exclude=apart)


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_two_threads_resume_to_the_same_bits_too(quick: Path, tmp_path: Path, engine: str) -> None:
    spec, before = load_spec(quick, [f"train.engine={engine}"]), torch.get_num_threads()
    uncut = train(spec, seed=1, dataset="mnist-5k", output=tmp_path, name="uncut", threads=2)
    with pytest.raises(Interrupted):
        train(spec, seed=1, dataset="mnist-5k", output=tmp_path, name="cut", threads=2, observer=StopAt(7))
    assert weights(resume(tmp_path / "cut").path) == weights(uncut.path)
    assert load_run(tmp_path / "cut").environment.sessions[0].threads == 2
    assert torch.get_num_threads() == before


def test_a_training_can_be_stopped_again_and_again(whole: Run, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        train(whole.spec, seed=1, dataset="mnist-5k", output=tmp_path, name="cut", observer=StopAt(3))
    for _ in range(4):
        with pytest.raises(Interrupted):
            resume(tmp_path / "cut", observer=StopAt(4))
    assert weights(resume(tmp_path / "cut").path) == weights(whole.path)


@pytest.mark.parametrize(
    "optimizer", ["{name: adamw}", "{name: muon}", "{name: sgd, nesterov: true}", "{name: sgd, momentum: 0}"]
)
def test_every_optimizer_resumes_to_the_same_bits(quick: Path, tmp_path: Path, optimizer: str) -> None:
    spec = load_spec(quick, [f"train.optimizer={optimizer}", "train.schedule={name: cosine, lr: 0.01}"])
    uncut = train(spec, seed=1, dataset="mnist-5k", output=tmp_path, name="uncut")
    with pytest.raises(Interrupted):
        train(spec, seed=1, dataset="mnist-5k", output=tmp_path, name="cut", observer=StopAt(14))
    assert weights(resume(tmp_path / "cut").path) == weights(uncut.path)


def start(arguments: list[str], cwd: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tinymnist", "train", *arguments]
    return subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("waited for a minute")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)], ids=["INT", "TERM", "KILL"]
)
def test_a_signalled_process_ends_soon_and_its_run_resumes_to_the_same_bits(
    quick: Path, uncut_60: Run, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    options = ["--dataset", "mnist-5k", "--epochs", "60", "--seed", "1", "--name", "cut"]
    process = start(["--arch", str(quick), *options], tmp_path)
    wait_for((tmp_path / "runs" / "cut" / "checkpoint" / "state.safetensors").exists)
    process.send_signal(number)
    began = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - began < 5
    assert (process.returncode, out) == (code, "")
    assert ("stopped in epoch" in err.splitlines()[-1]) == (number != signal.SIGKILL)
    resumed = start(["--resume", "runs/cut"], tmp_path)
    resumed.communicate(timeout=120)
    assert resumed.returncode == 0
    assert weights(tmp_path / "runs" / "cut") == weights(uncut_60.path)


def test_resuming_a_finished_run_gives_its_result(cli: Cli, small_run: Path) -> None:
    before = weights(small_run)
    outcome = cli("train", "--resume", small_run, "--json")
    result = json.loads((small_run / "result.json").read_text())
    assert (outcome.code, json.loads(outcome.out)) == (0, {**result, "diagnosis": []})
    assert weights(small_run) == before


def test_a_run_without_a_checkpoint_resumes_from_its_beginning(whole: Run, tmp_path: Path) -> None:
    path = tmp_path / "early"
    path.mkdir()
    for name in ("spec.yaml", "environment.json"):
        shutil.copy(whole.path / name, path)
    assert weights(resume(path).path) == weights(whole.path)


def test_a_name_that_is_taken_is_refused(quick: Path, small_run: Path) -> None:
    with pytest.raises(RunError, match="already exists: choose another --name"):
        train(load_spec(quick), dataset="mnist-5k", output=small_run.parent, name=small_run.name)


@pytest.mark.parametrize("name", ["../up", "a/b", "/x", ".hidden", "a\0b", "a\nb", " "])
def test_a_name_that_is_not_plain_is_refused(quick: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="not a plain name"):
        train(load_spec(quick), dataset="mnist-5k", output=tmp_path / "runs", name=name)
    assert not (tmp_path / "runs").exists()


def test_two_trainings_in_one_run_are_refused(whole: Run, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        train(whole.spec, seed=1, dataset="mnist-5k", output=tmp_path, name="cut", observer=StopAt(3))
    with locked(tmp_path / "cut"), pytest.raises(RunError, match=rf"process {os.getpid()} is training here"):
        resume(tmp_path / "cut")


@pytest.mark.parametrize(
    ("override", "rule"),
    [
        ("checks.max_params=621", "max_params"),
        ("checks.exact_params=1", "exact_params"),
        ("checks.max_macs=1", "max_macs"),
    ],
)
def test_a_budget_is_enforced_before_anything_is_written(quick: Path, tmp_path: Path, override: str, rule: str) -> None:
    with pytest.raises(CheckFailed, match=f"quick: checks.{rule}: asked "):
        train(load_spec(quick, [override]), dataset="mnist-5k", output=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["input.channels=3"], "quick: input is 3x28x28, mnist-5k has 1x28x28"),
        (["classes=11"], "quick: classes is 11, mnist-5k has 10"),
        (
            ["blocks[0].convs[0].stride=28", "blocks[0].pool=none", "train.batch_size=3999"],
            "leaves a batch of one image",
        ),
        (["train.augment=[NoSuchThing]"], r"train.augment\[0\].NoSuchThing: albumentations"),
    ],
    ids=["input", "classes", "batch of one", "transform"],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_written(
    quick: Path, tmp_path: Path, overrides: list[str], message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        train(load_spec(quick, overrides), dataset="mnist-5k", output=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_loss_that_is_not_finite_ends_with_exit_code_4(cli: Cli, tmp_path: Path) -> None:
    options = ["--set", "train.schedule={name: constant, lr: 1e6}", "--set", "train.augment=[]", "--name", "wild"]
    outcome = cli("train", "--arch", TINY, "--dataset", "mnist-5k", "--output", tmp_path, "--seed", 1, *options)
    assert outcome.code == 4
    last = outcome.err.splitlines()[-1]
    assert last.startswith(f"tinymnist: {tmp_path / 'wild'}: ")
    assert last.endswith(" of epoch 1; nothing was saved yet: try a lower learning rate")


def test_divergence_keeps_the_last_good_checkpoint(
    quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PoisonAfterOne(Observer):
        def epoch_ended(self, row: EpochRow) -> None:
            self.good = (tmp_path / "wild" / "checkpoint" / "state.safetensors").read_bytes()
            monkeypatch.setattr(loop, "apply", lambda _, optimizer: apply(Hyper(float("inf"), 0.9), optimizer))

    observer = PoisonAfterOne()
    with pytest.raises(DivergedError, match="of epoch 2; the checkpoint of epoch 1 is kept"):
        train(load_spec(quick), seed=1, dataset="mnist-5k", output=tmp_path, name="wild", observer=observer)
    assert (tmp_path / "wild" / "checkpoint" / "state.safetensors").read_bytes() == observer.good


@pytest.mark.parametrize("damage", [b"", b"\x80\x04garbage", None], ids=["empty", "pickle", "cut short"])
def test_a_damaged_checkpoint_is_named(whole: Run, tmp_path: Path, damage: bytes | None) -> None:
    with pytest.raises(Interrupted):
        train(whole.spec, seed=1, dataset="mnist-5k", output=tmp_path, name="cut", observer=StopAt(3))
    path = tmp_path / "cut" / "checkpoint" / "state.safetensors"
    path.write_bytes(path.read_bytes()[:500] if damage is None else damage)
    with pytest.raises(DataError, match="damaged checkpoint"):
        resume(tmp_path / "cut")


@pytest.mark.parametrize("file", ["checkpoint/state.safetensors", "weights.safetensors"])
def test_every_flipped_bit_of_a_run_is_found(whole: Run, tmp_path: Path, file: str) -> None:
    ours = shutil.copytree(whole.path, tmp_path / "ours")
    content, draws = (ours / file).read_bytes(), random.Random(file)
    model = tinymnist.build_model(whole.spec)
    state = State(model, make_optimizer(whole.spec.train.optimizer, model))

    def load() -> object:
        return load_run(ours).load_model() if file[0] == "w" else load_checkpoint(ours / file, state)

    load()
    for _ in range(100):
        place, bit = draws.randrange(len(content)), draws.randrange(8)
        broken = bytearray(content)
        broken[place] ^= 1 << bit
        (ours / file).write_bytes(broken)
        with pytest.raises(DataError) as caught:
            load()
        assert str(caught.value).startswith(f"{ours / file}: damaged"), (place, bit)


def test_a_checkpoint_holds_everything(tmp_path: Path) -> None:
    spec = load_spec(TINY)
    model, other = tinymnist.build_model(spec), tinymnist.build_model(spec)
    optimizer, another = (make_optimizer(spec.train.optimizer, each) for each in (model, other))
    model(torch.randn(8, 1, 28, 28)).sum().backward()
    optimizer.step()
    row = EpochRow(1, 0.1, 1 / 3, 2 / 3, 0.1, 99.0, 1.5, 1000.0)
    progress = Progress(epoch=1, step=2, images=3, loss_sum=0.1 + 0.2, correct=4, seconds=0.7, rows=(row,))
    save_checkpoint(tmp_path / "state.safetensors", progress, State(model, optimizer))
    assert load_checkpoint(tmp_path / "state.safetensors", State(other, another)) == progress
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True))
    buffers = [optimizer_tensors(each)["0.momentum_buffer"] for each in (optimizer, another)]
    assert torch.equal(*buffers)


def test_progress_goes_to_stderr_and_the_result_to_stdout(cli: Cli, tmp_path: Path) -> None:
    arguments = ["--arch", TINY, "--dataset", "mnist-5k", "--output", tmp_path, "--name", "n", "--seed", 3]
    outcome = cli("train", *arguments, "--epochs", 1, "--batch-size", 500)
    lines = outcome.out.splitlines()
    assert lines[0].startswith("tiny3130: ")
    assert " % on mnist-5k (1,000 test images, 3,130 parameters, seed 3, 1 epoch, " in lines[0]
    assert lines[1:] == [f"run: {tmp_path / 'n'}", f"next: tinymnist evaluate {tmp_path / 'n'}"]
    assert outcome.err.splitlines()[-1].startswith("epoch 1/1  train loss ")
    assert "\r" not in outcome.err
    assert load_run(tmp_path / "n").spec.train.batch_size == 500
