"""A loss or a gradient that is not a number: found, the step named, and the last good checkpoint kept."""

import math
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.support.command_line import Cli
from tests.support.trainings import ENGINES
from tinymnist.errors import DivergedError, Interrupted
from tinymnist.native import NativeNetwork, Slots
from tinymnist.spec import Spec, load_spec
from tinymnist.spec.recipe import Adam
from tinymnist.training import Observer, engine, resume, train
from tinymnist.training.observer import Step
from tinymnist.training.seeds import derived_seed

SEED, STEPS = 1, 10
"""Steps per epoch."""


@pytest.fixture(params=ENGINES)
def spec(quick: Path, request: pytest.FixtureRequest) -> Spec:
    return load_spec(quick, [f"train.engine={request.param}", "train.epochs=3"])


class Poison:
    """Adds `value` to the summed loss, or to one number of one gradient, at a step of an epoch; both from 1."""

    def __init__(self, what: str, value: float, epoch: int, step: int, times: float = math.inf) -> None:
        self.what, self.value, self.times = what, value, times
        self.seed = derived_seed(SEED, "dropout", epoch - 1, step - 1)
        self.now = False

    def put_into(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for kind in (engine.NativeEngine, engine.TorchEngine):
            monkeypatch.setattr(kind, "step", self._poisoned(kind.step))
        for optimizer in (torch.optim.SGD, torch.optim.Adam):
            monkeypatch.setattr(optimizer, "step", self._before(optimizer.step))
        for step in ("sgd", "adam"):
            monkeypatch.setattr(NativeNetwork, step, self._before_native(getattr(NativeNetwork, step)))

    def _poisoned(self, step: Any) -> Any:
        def poisoned(here: Any, images: Tensor, labels: Tensor, seed: int, *more: Tensor | None) -> None:
            self.now = seed == self.seed and self.times > 0
            self.times -= self.now
            step(here, images, labels, seed, *more)
            if self.now and self.what == "loss":
                here._loss_sum += self.value

        return poisoned

    def _before(self, step: Any) -> Any:
        def before(here: Any, *given: object) -> Any:
            if self.now and self.what == "gradient":
                here.param_groups[0]["params"][0].grad.view(-1)[3] = self.value
            return step(here, *given)

        return before

    def _before_native(self, step: Any) -> Any:
        def before(here: Any, slots: Slots, *given: Any, **options: Any) -> None:
            gradient = slots.slots[0].gradient
            if self.now and self.what == "gradient" and gradient is not None:
                gradient.view(-1)[3] = self.value
            step(here, slots, *given, **options)

        return before


@pytest.mark.parametrize(
    ("what", "value", "epoch", "step"),
    [("loss", math.nan, 1, 1), ("loss", math.inf, 2, 4), ("gradient", math.nan, 1, 10), ("gradient", math.inf, 3, 10)],
)
def test_the_step_is_named_and_the_last_good_checkpoint_kept(
    spec: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, value: float, epoch: int, step: int
) -> None:
    run = tmp_path / "run"
    Poison(what, value, epoch, step).put_into(monkeypatch)
    with pytest.raises(DivergedError) as caught:
        train(spec, seed=SEED, dataset="mnist-5k", output=tmp_path, name="run")
    monkeypatch.undo()
    found = f"the loss is {value}"
    if what == "gradient":
        found = "the gradient of block1.conv1.weight holds numbers that are not finite"
    kept = f"the checkpoint of epoch {epoch - 1} is kept" if epoch > 1 else "nothing was saved yet"
    assert str(caught.value) == f"{run}: {found} at step {step} of epoch {epoch}; {kept}: try a lower learning rate"
    assert caught.value.exit_code == 4
    uncut = train(spec, seed=SEED, dataset="mnist-5k", output=tmp_path, name="uncut")
    resumed = resume(run)
    assert (resumed.path / "weights.safetensors").read_bytes() == (uncut.path / "weights.safetensors").read_bytes()


def test_what_does_not_come_again_is_said_to_be_within_the_steps_it_was_in(
    spec: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Poison("gradient", math.nan, 2, 4, times=1).put_into(monkeypatch)
    with pytest.raises(DivergedError, match=r"within steps 1 to 10 of epoch 2; the checkpoint of epoch 1 is kept"):
        train(spec, seed=SEED, dataset="mnist-5k", output=tmp_path, name="run")


def test_the_checkpoint_that_is_kept_may_be_within_an_epoch(
    spec: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class StopAt(Observer):
        def stepped(self, step: Step) -> None:
            if step.images == 3 * 400:
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted):
        train(spec, seed=SEED, dataset="mnist-5k", output=tmp_path, name="run", observer=StopAt())
    Poison("loss", math.nan, 1, 7).put_into(monkeypatch)
    with pytest.raises(DivergedError, match=r"at step 7 of epoch 1; the checkpoint of epoch 1, step 3 is kept"):
        resume(tmp_path / "run")


def test_what_an_optimizer_remembers_is_looked_at_too(
    spec: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The square of 1e30 is not a number of 32 bits, and Adam would never move that weight again, in silence."""
    Poison("gradient", 1e30, 2, 4).put_into(monkeypatch)
    recipe = spec.train.model_copy(update={"optimizer": Adam(name="adam")})
    adam = spec.model_copy(update={"train": recipe})
    with pytest.raises(DivergedError, match=r"optimizer\.0\.exp_avg_sq holds numbers .* at step 4 of epoch 2"):
        train(adam, seed=SEED, dataset="mnist-5k", device="cpu", output=tmp_path, name="run")


@pytest.mark.parametrize("engine_name", ENGINES)
def test_a_learning_rate_far_too_high_ends_with_exit_code_4(
    quick: Path, cli: Cli, tmp_path: Path, engine_name: str
) -> None:
    wild = ["--set", "train.schedule={name: constant, lr: 1e6}", "--engine", engine_name, "--name", "wild"]
    outcome = cli("train", "--arch", quick, "--dataset", "mnist-5k", "--output", tmp_path, "--seed", 1, *wild)
    assert outcome.code == 4
    assert outcome.err.splitlines()[-1].startswith(f"tinymnist: {tmp_path / 'wild'}: ")
    assert " at step " in outcome.err.splitlines()[-1]
