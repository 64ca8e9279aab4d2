"""Training from Python: what `tinymnist train` calls."""

from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import Any

import torch

from tinymnist.check import enforce_budget
from tinymnist.data import Dataset, load_dataset
from tinymnist.data.augment import Augmenter
from tinymnist.errors import DataError, SpecError, UsageError
from tinymnist.model import build_model, save_weights
from tinymnist.spec import Spec
from tinymnist.text import SCHEMA_VERSION, shape_text
from tinymnist.training.environment import choose_device, describe_environment
from tinymnist.training.loop import Trainer
from tinymnist.training.memory import keep_memory
from tinymnist.training.observer import EpochRow, Observer
from tinymnist.training.run import WEIGHTS, Run, create_run, load_run, locked
from tinymnist.training.seeds import LARGEST_SEED, derived_seed, draw_seed
from tinymnist.training.stop import stop_on_signals


def train(
    spec: Spec,
    *,
    seed: int | None = None,
    dataset: str = "auto",
    data_dir: Path | None = None,
    output: str | PathLike[str] = "runs",
    name: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    observer: Observer | None = None,
) -> Run:
    """Trains the network of `spec` by its recipe and returns the finished run in `output/name`.

    Without a seed, one is drawn and recorded; the same seed, threads and versions give the same bits on the CPU. The
    test set is scored after every epoch and chooses nothing: the last epoch's weights are the result.

    Raises `CheckFailed` for a network over its own budget, `UsageError`, `SpecError` and `RunError` for what cannot be
    trained as asked, `DataError` for data or files, `DivergedError`, and `Interrupted` after SIGINT or SIGTERM.
    """
    observer = observer or Observer()
    enforce_budget(spec)
    _refuse_seed(seed)
    seed = draw_seed() if seed is None else seed
    chosen_device = _prepare(device, threads)
    augmenter = _augmenter(spec)
    data = load_dataset(dataset, data_dir, observer.warned)
    _refuse_unfit_data(spec, data)
    name = name or f"{spec.name}-{datetime.now():%Y%m%d-%H%M%S}-seed{seed}"
    environment = describe_environment(data, seed, chosen_device, "albumentations" if augmenter else "none")
    run = create_run(Path(output), name, spec, environment)
    return _train(run, data, augmenter, chosen_device, observer)


def resume(
    path: str | PathLike[str],
    *,
    data_dir: Path | None = None,
    device: str | None = None,
    threads: int | None = None,
    observer: Observer | None = None,
) -> Run:
    """Goes on with an interrupted training; on the CPU it ends with the same bits as if it had never stopped.

    A finished run is returned as it is. Device and threads default to the run's own. Raises as `train` does.
    """
    observer = observer or Observer()
    run = load_run(path)
    if run.finished:
        return run
    try:
        recorded = run.environment
        before = {key: recorded[key] for key in ("device", "threads", "dataset", "seed", "checksums")}
    except KeyError as error:
        raise DataError(f"{run.path}: damaged: environment.json has no {error}: start a new run") from None
    chosen_device = _prepare(device or before["device"], threads or before["threads"])
    augmenter = _augmenter(run.spec)
    data = load_dataset(before["dataset"], data_dir, observer.warned)
    if data.checksums != before["checksums"]:
        raise DataError(f"{run.path}: was begun on other {data.name} files than those here: start a new run")
    return _train(run, data, augmenter, chosen_device, observer)


def _train(run: Run, data: Dataset, augmenter: Augmenter | None, device: torch.device, observer: Observer) -> Run:
    spec, seed = run.spec, int(run.environment["seed"])
    devices = [device] if device.type == "cuda" else []
    with locked(run), torch.random.fork_rng(devices), stop_on_signals() as stop:
        torch.manual_seed(derived_seed(seed, "weights"))
        model = build_model(spec).to(device)
        trainer = Trainer(run, model, data, augmenter, seed, device, observer)
        trainer.resume()
        observer.started(
            run.path,
            f"{spec.name}, {spec.plan.parameters:,} parameters, {data.name}, {spec.train.epochs} epochs, seed {seed}, "
            f"{device.type}, {torch.get_num_threads()} threads, augmentation: {run.environment['augmentation']}",
        )
        rows = trainer.train(stop)
        save_weights(model, run.path / WEIGHTS)
        run.write_result(_result(run, data, rows))
    return run


def _result(run: Run, data: Dataset, rows: tuple[EpochRow, ...]) -> dict[str, Any]:
    last = rows[-1]
    return {
        "schema_version": SCHEMA_VERSION,
        "run": str(run.path),
        "name": run.spec.name,
        "parameters": run.spec.plan.parameters,
        "dataset": data.name,
        "seed": run.environment["seed"],
        "epochs": last.epoch,
        "accuracy": last.test_accuracy,
        "n": len(data.test),
        "loss": last.test_loss,
        "train_accuracy": last.train_accuracy,
        "train_loss": last.train_loss,
        "seconds": sum(row.seconds for row in rows),
    }


def _prepare(device: str, threads: int | None) -> torch.device:
    chosen = choose_device(device)
    if threads is not None:
        torch.set_num_threads(threads)
    keep_memory()
    return chosen


def _augmenter(spec: Spec) -> Augmenter | None:
    return Augmenter(spec.train.augment, spec.input.height, spec.input.width) if spec.train.augment else None


def _refuse_seed(seed: int | None) -> None:
    if seed is not None and not 0 <= seed <= LARGEST_SEED:
        raise UsageError(f"--seed {seed}: expects a number from 0 to {LARGEST_SEED}")


def _refuse_unfit_data(spec: Spec, data: Dataset) -> None:
    shape = (1, *data.train.images.shape[1:])
    asked = (spec.input.channels, spec.input.height, spec.input.width)
    if asked != shape:
        raise SpecError(f"{spec.name}: input is {shape_text(asked)}, images of {data.name} are {shape_text(shape)}")
    classes = int(data.train.labels.max()) + 1
    if spec.classes != classes:
        raise SpecError(f"{spec.name}: classes is {spec.classes}, {data.name} has {classes}")
    smallest = len(data.train) % spec.train.batch_size or spec.train.batch_size
    for layer in spec.plan.layers:
        if smallest == 1 and layer.label == "batch_norm" and layer.output[1:] == (1, 1):
            raise SpecError(
                f"{spec.name}: train.batch_size: {spec.train.batch_size} leaves a batch of one image, which "
                f"{layer.name} (1x1) cannot normalise: choose another"
            )
