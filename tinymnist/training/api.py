"""Training from Python: what `tinymnist train` calls."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from tinymnist.check import enforce_budget
from tinymnist.data import Dataset, load_dataset, usable_name
from tinymnist.data.affine import AffineAugmenter, is_affine
from tinymnist.data.augment import Augmenter
from tinymnist.errors import DataError, SpecError, UsageError
from tinymnist.files import read_bytes
from tinymnist.model import build_model, save_weights
from tinymnist.signals import stop_on_signals
from tinymnist.spec import Spec
from tinymnist.text import counted, printable, shape_text
from tinymnist.training.engine import Engine, choose_engine
from tinymnist.training.environment import choose_device, describe_environment
from tinymnist.training.lock import locked
from tinymnist.training.loop import Trainer
from tinymnist.training.memory import keep_memory
from tinymnist.training.observer import EpochRow, Observer
from tinymnist.training.opening import load_run
from tinymnist.training.optimizer import Optimizer, make_optimizer
from tinymnist.training.records import RESULT, Result, write_record
from tinymnist.training.run import WEIGHTS, Run, create_run, refuse_name
from tinymnist.training.seeds import LARGEST_SEED, derived_seed, draw_seed
from tinymnist.training.teacher import refuse_unfit_teachers, teacher_digests, teacher_runs, teaching

MAX_THREADS = 256


def train(
    spec: Spec,
    *,
    seed: int | None = None,
    dataset: str = "auto",
    data_dir: Path | None = None,
    validation: int = 0,
    output: str | PathLike[str] = "runs",
    name: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    observer: Observer | None = None,
) -> Run:
    """Trains the network of `spec` by its recipe and returns the finished run in `output/name`.

    Without a seed, one is drawn and recorded; the same seed, threads and versions give the same bits on the CPU. The
    test set is scored after every epoch and chooses nothing: the last epoch's weights are the result. With
    `validation`, so many training images, the last ones of each class, are held out and scored instead; the test set is
    not looked at.

    Raises `CheckFailed` for a network over its own budget, `UsageError`, `SpecError` and `RunError` for what cannot be
    trained as asked, `DataError` for data or files, `DivergedError`, and `Interrupted` after SIGINT or SIGTERM.
    """
    observer = observer or Observer()
    enforce_budget(spec)
    _refuse_seed(seed)
    seed = draw_seed() if seed is None else seed
    usable_name(dataset)
    if name is None:
        name = f"{spec.name}-{datetime.now():%Y%m%d-%H%M%S}-seed{seed}"
    refuse_name(Path(output), name)
    chosen_device = prepare_device(device, spec.train.engine, threads)
    material = gather(spec, dataset, data_dir, validation, observer.warned)
    with _parts(spec, seed, spec.train.engine, chosen_device, observer) as parts:
        augmentation = "none" if material.augmenter is None else material.augmenter.name
        digests = teacher_digests(material.teachers)
        environment = describe_environment(
            material.data, validation, seed, chosen_device, parts.engine, augmentation, digests
        )
        run = create_run(Path(output), name, spec, environment)
        return _train(run, material, parts, observer)


def resume(
    path: str | PathLike[str],
    *,
    data_dir: Path | None = None,
    device: str | None = None,
    threads: int | None = None,
    observer: Observer | None = None,
) -> Run:
    """Goes on with an interrupted training; on the CPU it ends with the same bits as if it had never stopped.

    A finished run is returned as it is. Device and threads default to the run's own, and so does the engine, unless the
    device is a GPU. Raises as `train` does.
    """
    observer = observer or Observer()
    run = load_run(path)
    if run.finished:
        return run
    before = run.environment
    engine = before.engine if device in (None, "auto", "cpu") else "torch"
    chosen_device = prepare_device(device or before.device, engine, threads or before.threads)
    material = gather(run.spec, before.dataset, data_dir, before.validation, observer.warned)
    if material.data.checksums != before.checksums:
        raise DataError(f"{run.path}: was begun on other {before.dataset} files than those here: start a new run")
    if teacher_digests(material.teachers) != before.teachers:
        raise DataError(f"{run.path}: its teachers are not those it was begun with: start a new run")
    with _parts(run.spec, before.seed, engine, chosen_device, observer) as parts:
        return _train(run, material, parts, observer)


@dataclass(frozen=True)
class Material:
    """What a training needs besides the network."""

    data: Dataset
    augmenter: Augmenter | AffineAugmenter | None
    teachers: list[Run]


def gather(spec: Spec, dataset: str, data_dir: Path | None, validation: int, warn: Callable[[str], None]) -> Material:
    """The material for training `spec`, with all checks of whether the two fit. Raises as `train` does."""
    augmenter = _augmenter(spec)
    teachers = teacher_runs(spec.train.distill)
    data = load_dataset(dataset, data_dir, warn)
    _refuse_unfit_data(spec, data)
    if validation:
        data = data.hold_out(validation)
    _refuse_lonely_images(spec, len(data.train))
    refuse_unfit_teachers(teachers, spec, data.name, validation)
    return Material(data, augmenter, teachers)


@dataclass(frozen=True)
class _Parts:
    """A fresh model, and what trains it."""

    model: nn.Sequential
    optimizer: Optimizer
    engine: Engine
    device: torch.device


@contextmanager
def _parts(spec: Spec, seed: int, engine: str, device: torch.device, observer: Observer) -> Iterator[_Parts]:
    with torch.random.fork_rng([]):
        torch.manual_seed(derived_seed(seed, "weights"))
        model = build_model(spec).to(device)
    optimizer = make_optimizer(spec.train.optimizer, model)
    with closing(choose_engine(engine, spec, model, optimizer, device, observer.warned)) as chosen:
        yield _Parts(model, optimizer, chosen, device)


def _train(run: Run, material: Material, parts: _Parts, observer: Observer) -> Run:
    spec, device = run.spec, parts.device
    data, augmenter = material.data, material.augmenter
    if isinstance(augmenter, AffineAugmenter):
        augmenter.warp = parts.engine.warp
    devices = [device] if device.type == "cuda" else []
    with (
        locked(run.path),
        torch.random.fork_rng(devices),
        teaching(material.teachers, spec, parts.engine, device, observer.warned) as teacher,
        stop_on_signals() as stop,
    ):
        trainer = Trainer(
            run, parts.model, parts.optimizer, parts.engine, data.to(device), augmenter, teacher, observer
        )
        trainer.resume()
        held = run.environment.validation
        observer.started(
            run.path,
            scored_on(run),
            f"{spec.name}, {spec.plan.parameters:,} parameters, {data.name}{f' ({held:,} held out)' if held else ''}, "
            f"{counted(spec.train.epochs, 'epoch')}, "
            f"seed {run.environment.seed}, {device.type}, {counted(parts.engine.threads, 'thread')}, "
            f"engine: {parts.engine.name}, augmentation: {run.environment.augmentation}",
        )
        rows = trainer.train(stop)
        with trainer.result_in_place():
            save_weights(parts.model, run.path / WEIGHTS)
        write_record(_result(run, data, rows), run.path / RESULT)
    return run


def scored_on(run: Run) -> Literal["test", "validation"]:
    """Which images the run is scored on."""
    return "validation" if run.environment.validation else "test"


def _result(run: Run, data: Dataset, rows: tuple[EpochRow, ...]) -> Result:
    last = rows[-1]
    return Result(
        run=printable(str(run.path)),
        name=run.spec.name,
        parameters=run.spec.plan.parameters,
        dataset=data.name,
        seed=run.environment.seed,
        epochs=last.epoch,
        scored_on=scored_on(run),
        chosen_on=run.spec.train.chosen_on,
        accuracy=last.eval_accuracy,
        n=len(data.test),
        loss=last.eval_loss,
        train_accuracy=last.train_accuracy,
        train_loss=last.train_loss,
        seconds=sum(row.seconds for row in rows),
        weights_sha256=hashlib.sha256(read_bytes(run.path / WEIGHTS)).hexdigest(),
    )


def prepare_device(device: str, engine: str, threads: int | None) -> torch.device:
    """The device to train on, with this process told of threads and memory. Raises `UsageError`."""
    chosen = choose_device("cpu" if (device, engine) == ("auto", "native") else device)
    if engine == "native" and chosen.type != "cpu":
        raise UsageError(f"--device {device}: the native engine computes on the CPU: use --engine torch")
    if threads is not None:
        if not 1 <= threads <= MAX_THREADS:
            raise UsageError(f"--threads {threads}: expects a number from 1 to {MAX_THREADS}")
        torch.set_num_threads(threads)
    keep_memory()
    return chosen


def _augmenter(spec: Spec) -> Augmenter | AffineAugmenter | None:
    steps = spec.train.augment
    if not steps:
        return None
    kind = AffineAugmenter if is_affine(steps) else Augmenter
    return kind(steps, spec.input.height, spec.input.width)


def _refuse_seed(seed: int | None) -> None:
    if seed is not None and not 0 <= seed <= LARGEST_SEED:
        raise UsageError(f"--seed {seed}: expects a number from 0 to {LARGEST_SEED}")


def _refuse_unfit_data(spec: Spec, data: Dataset) -> None:
    shape = (1, *data.train.images.shape[1:])
    asked = (spec.input.channels, spec.input.height, spec.input.width)
    if asked != shape:
        raise SpecError(
            f"{spec.name}: input is {shape_text(asked)}, {data.name} has {shape_text(shape)}: make the two alike"
        )
    classes = int(data.train.labels.max()) + 1
    if spec.classes != classes:
        raise SpecError(f"{spec.name}: classes is {spec.classes}, {data.name} has {classes}: make the two alike")


def _refuse_lonely_images(spec: Spec, images: int) -> None:
    smallest = images % spec.train.batch_size or spec.train.batch_size
    for layer in spec.plan.layers:
        if smallest == 1 and layer.label == "batch_norm" and layer.output[1:] == (1, 1):
            raise SpecError(
                f"{spec.name}: train.batch_size: {spec.train.batch_size} leaves a batch of one image, which "
                f"{layer.name} (1x1) cannot normalise: choose another"
            )
