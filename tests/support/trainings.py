"""Trainings that something happens to, and what they leave behind but for the time it took."""

import hashlib
import json
import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open

from tests.support.nursery import Life, Nursery
from tinymnist.training import Observer, RunDirectory, Series, open_run

ENGINES = ["native", "torch"]
TIMES = ("seconds", "images_per_second")

# With everything that a checkpoint can hold: dropout, augmentation, momentum and an average.
RECIPE = ["train.augment=[{ShiftScaleRotate: {rotate_limit: 12}}]", "train.augment_until=0.4", "train.ema={decay: 0.9}"]


class StopAfter(Observer):
    """Interrupts a training after so many steps, as Ctrl-C does."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def stepped(self, step: object) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


@dataclass(frozen=True)
class Uncut:
    """A training that nothing happened to."""

    engine: str
    life: Life
    outcome: dict[str, Any]
    again: list[object]
    """Arguments of the same training, but for `--output`."""

    def arguments(self, output: Path) -> list[object]:
        """Those of the same training, with its run in `output/run`."""
        return [*self.again, "--output", output]


def training(quick: Path, engine: str, *more: object) -> list[object]:
    """Arguments of three short epochs."""
    options = [part for text in RECIPE for part in ("--set", text)]
    where = ["--dataset", "mnist-5k", "--threads", 1, "--name", "run"]
    return ["train", "--arch", quick, "--epochs", 3, "--engine", engine, *options, *where, *more]


def finish(nursery: Nursery, arguments: list[object], run: Path, *options: object) -> dict[str, Any]:
    """Opens what a training left that was cut short, trains it to its end, and says what is there then. `options` are
    for a series, which is gone on with as many seeds at once as there are cores."""
    if run.exists():
        open_run(run)
        life = nursery.live("train", "--resume", run, *options)
    else:  # it ended before its directory appeared, whole, by one rename
        life = nursery.live(*arguments)
    assert (life.code, life.complaints) == (0, []), life.err
    return outcome_of(run)


def outcome_of(path: Path) -> dict[str, Any]:
    """Weights, the state of model, optimizer and average at the end, metrics, result, and which files there are; of a
    series, all this of every seed.

    The generators have no state to compare: every draw is made from the seed and its place.
    """
    run = open_run(path)
    if isinstance(run, Series):
        seeds = {str(seed): outcome_of(run.seed_path(seed)) for seed in run.seeds}
        return {**seeds, "result": run.result.model_dump(exclude={"run", "seconds"}), "files": files_in(path)}
    assert isinstance(run, RunDirectory)
    with safe_open(run.checkpoint, framework="pt") as stream:
        progress = json.loads(stream.metadata()["progress"])
        state = {name: _sha256(stream.get_tensor(name).numpy().tobytes()) for name in stream.offset_keys()}
    return {
        "weights": _sha256((path / "weights.safetensors").read_bytes()),
        "state": state,
        "progress": {key: value for key, value in progress.items() if key not in ("rows", *TIMES)},
        "metrics": [{k: v for k, v in asdict(row).items() if k not in TIMES} for row in run.read_metrics()],
        "result": run.result.model_dump(exclude={"run", "seconds"}),
        "files": files_in(path),
    }


def files_in(path: Path) -> list[str]:
    """All of them, but for the lock, which stays, and the note of whose it was, which stays after a kill at the end."""
    found = [str(file.relative_to(path)) for file in path.rglob("*") if not file.is_dir()]
    return sorted(name for name in found if os.path.basename(name) not in (".lock", ".holder"))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
