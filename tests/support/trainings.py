"""Trainings that are interrupted, and what they leave behind apart from the time they took."""

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

# Uses everything that a checkpoint can hold: dropout, augmentation, momentum, an average, and the best epoch's weights.
RECIPE = [
    "train.augment=[{ShiftScaleRotate: {rotate_limit: 12}}]",
    "train.augment_until=0.4",
    "train.ema={decay: 0.9}",
    "train.early_stopping=3",
]


class StopAfter(Observer):
    """Interrupts a training after `steps` steps, as Ctrl-C does."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def stepped(self, step: object) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


@dataclass(frozen=True)
class Uncut:
    """A training that was not interrupted."""

    engine: str
    life: Life
    outcome: dict[str, Any]
    without_output: list[object]
    """The arguments of the same training, without `--output`."""

    def arguments(self, output: Path) -> list[object]:
        """The arguments of the same training, with its run in `output/run`."""
        return [*self.without_output, "--output", output]


def training(quick: Path, engine: str, *more: object) -> list[object]:
    """The arguments of a training of three short epochs."""
    options = [part for text in RECIPE for part in ("--set", text)]
    where = ["--dataset", "mnist-5k", "--validation", 500, "--threads", 1, "--name", "run"]
    return ["train", "--arch", quick, "--epochs", 3, "--engine", engine, *options, *where, *more]


def finish(nursery: Nursery, arguments: list[object], run: Path, *options: object) -> dict[str, Any]:
    """Resumes an interrupted training until it ends, and returns its outcome. `options` are for a series, which is
    resumed with as many seeds at once as there are cores."""
    if run.exists():
        open_run(run)
        life = nursery.live("train", "--resume", run, *options)
    else:  # interrupted before its directory appeared, whole, by one rename
        life = nursery.live(*arguments)
    assert (life.code, life.complaints) == (0, []), life.err
    return outcome_of(run)


def outcome_of(path: Path) -> dict[str, Any]:
    """The weights, the state of model, optimizer and average at the end, metrics, result, and names of files; for a
    series, all this for every seed.

    There is no state of generators to compare: every draw is made from the seed and its place.
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
    """The names of all files, except the lock, which stays, and the note of its holder, which stays after a kill."""
    found = [str(file.relative_to(path)) for file in path.rglob("*") if not file.is_dir()]
    return sorted(name for name in found if os.path.basename(name) not in (".lock", ".holder"))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
