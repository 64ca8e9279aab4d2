"""Training from Python: the functions behind `tinymnist train`."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import torch
from torch import nn

from tinymnist.check import enforce_budget
from tinymnist.data import Dataset, trainable_source
from tinymnist.data.affine import AffineAugmenter
from tinymnist.errors import DataError, UsageError
from tinymnist.files import read_bytes
from tinymnist.model import build_model
from tinymnist.model.generator import drawing
from tinymnist.model.tensors import write_tensors
from tinymnist.notices import ResumedElsewhere
from tinymnist.signals import stop_on_signals
from tinymnist.spec import Spec
from tinymnist.text import printable
from tinymnist.training.checkpoint import Progress
from tinymnist.training.device import prepare_device
from tinymnist.training.directory import WEIGHTS, RunDirectory, create_run
from tinymnist.training.early_stopping import best_row
from tinymnist.training.engine import Engine, choose_engine
from tinymnist.training.environment import describe_environment, describe_session, differences
from tinymnist.training.images import asked_for, of_run, refuse_changed_images, refuse_missing_images
from tinymnist.training.initial import (
    copy_initial,
    initial_record,
    open_initial,
    refuse_missing_initial,
    refuse_unfit_initial,
    reopen_initial,
)
from tinymnist.training.known import refuse_known_images
from tinymnist.training.load import load_run
from tinymnist.training.lock import locked
from tinymnist.training.loop import Trainer
from tinymnist.training.material import Material, gather
from tinymnist.training.memory import enough_memory
from tinymnist.training.naming import NewName
from tinymnist.training.observer import EpochRow, Observer, Start
from tinymnist.training.optimizer import Optimizer, make_optimizer
from tinymnist.training.records import ENVIRONMENT, RESULT, Environment, Result, read_record, write_record
from tinymnist.training.run import Run
from tinymnist.training.seeds import LARGEST_SEED, derived_seed, draw_seed
from tinymnist.training.teacher import Teacher, teacher_digests, teaching
from tinymnist.training.threads import torch_threads


def train(
    spec: Spec,
    *,
    seed: int | None = None,
    dataset: str | None = None,
    data_dir: Path | None = None,
    validation: int | None = None,
    initial: str | PathLike[str] | None = None,
    output: str | PathLike[str] = "runs",
    name: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    images: Dataset | None = None,
    observer: Observer | None = None,
) -> RunDirectory:
    """Trains the network of `spec` by its recipe and returns the finished run in `output/name`.

    Without a seed, one is drawn and recorded; the same seed, threads and versions give the same bits on the CPU. The
    test set is scored after every epoch and chooses nothing: the last epoch's weights are the result. `dataset`, a name
    or a path, and `validation` are by default what the spec's `data` says. `validation` is a number of training images,
    the last ones of each class, that are held out and scored instead; the test set is then not looked at. Only then may
    the recipe stop early, with the best epoch's weights as the result. `initial` is a finished run with the same
    layers, whose weights the training starts from; by default they are random. `images` are those that `dataset` names,
    where they are in memory already.

    Raises `CheckFailed` for a network over its own budget, `UsageError`, `SpecError` and `RunError` for what cannot be
    trained as asked, `DataError` for data or files, `DivergedError`, and `Interrupted` after SIGINT or SIGTERM.
    """
    observer = observer or Observer()
    enforce_budget(spec)
    _refuse_seed(seed)
    seed = draw_seed() if seed is None else seed
    refuse_missing_initial(spec, initial)
    asked = asked_for(spec, dataset, validation)
    if images is None:
        trainable_source(asked.dataset)
    new_name = NewName.choose(name, spec, f"seed{seed}")
    new_name.refuse(Path(output))
    chosen_device = prepare_device(device, spec.train.engine, threads)
    first = None if initial is None else open_initial(initial)
    material = gather(spec, asked, data_dir, observer.warned, images)
    spec = material.spec
    if first is not None:
        refuse_unfit_initial(first, spec, material.data, asked.validation)
        refuse_known_images(first, material.data, data_dir, observer.warned)
    with torch_threads(threads), _parts(spec, seed, spec.train.engine, chosen_device, material, observer) as parts:
        known = None if first is None else initial_record(first)
        environment = describe_environment(material, seed, chosen_device, parts.engine, parts.teacher, known)
        run = create_run(Path(output), new_name, spec, environment)
        if first is not None:
            copy_initial(first, parts.model)
        return _train_to_end(run, material, parts, observer)


def resume(
    path: str | PathLike[str],
    *,
    data_dir: Path | None = None,
    device: str | None = None,
    threads: int | None = None,
    observer: Observer | None = None,
) -> Run:
    """Resumes an interrupted training; on the CPU it ends with the same bits as if it had never stopped.

    A finished run is returned as it is. Device and threads default to the run's own, and so does the engine, unless the
    device is a GPU. Raises as `train` does.
    """
    observer = observer or Observer()
    run = load_run(path)
    if run.finished or not isinstance(run, RunDirectory):
        return run
    before = run.environment
    engine = before.engine if device in (None, "auto", "cpu") else "torch"
    threads = before.threads if threads is None else threads
    chosen_device = prepare_device(device or before.device, engine, threads)
    refuse_missing_images(run, others=False)
    material = gather(run.spec, of_run(run), data_dir, observer.warned)
    refuse_changed_images(run, material.data, others=False)
    if material.data.checksums != before.checksums:
        raise DataError(f"{run.path}: was begun on other {before.dataset} files than those here: start a new run")
    if teacher_digests(material.teachers) != before.teachers:
        raise DataError(f"{run.path}: its teachers are not those it was begun with: start a new run")
    with torch_threads(threads), _parts(run.spec, before.seed, engine, chosen_device, material, observer) as parts:
        if before.initial is not None and not os.path.isfile(run.checkpoint):
            copy_initial(reopen_initial(before.initial, str(run.path)), parts.model)
        return _train_to_end(run, material, parts, observer, resumed=True)


@dataclass(frozen=True)
class _Parts:
    """A fresh model, and what trains it."""

    model: nn.Sequential
    optimizer: Optimizer
    engine: Engine
    device: torch.device
    teacher: Teacher | None


@contextmanager
def _parts(
    spec: Spec, seed: int, engine: str, device: torch.device, material: Material, observer: Observer
) -> Iterator[_Parts]:
    with drawing(derived_seed(seed, "weights")), enough_memory():
        model = build_model(spec).to(device)
    optimizer = make_optimizer(spec.train.optimizer, model)
    with (
        closing(choose_engine(engine, spec, model, optimizer, device, observer.warned)) as chosen,
        teaching(material.teachers, spec, chosen, device, observer.warned) as teacher,
    ):
        yield _Parts(model, optimizer, chosen, device, teacher)


def _train_to_end(
    run: RunDirectory, material: Material, parts: _Parts, observer: Observer, *, resumed: bool = False
) -> RunDirectory:
    """Trains from the run's checkpoint, or from the beginning, to its end, and writes weights and result."""
    data, augmenter = material.data, material.augmenter
    if isinstance(augmenter, AffineAugmenter):
        augmenter.warp = parts.engine.warp
    with locked(run.path), stop_on_signals() as stop:
        trainer = Trainer(
            run, parts.model, parts.optimizer, parts.engine, data.to(parts.device), augmenter, parts.teacher, observer
        )
        trainer.resume()
        if resumed:
            run = _noted(run, trainer.progress, material, parts, observer)
        observer.started(_start(run, parts))
        rows = trainer.train(stop)
        write_tensors(trainer.result_tensors(), run.path / WEIGHTS)
        write_record(_result(run, data, rows), run.path / RESULT)
    return run


def _noted(
    run: RunDirectory, progress: Progress, material: Material, parts: _Parts, observer: Observer
) -> RunDirectory:
    """The run with this session in its `environment.json`. Warns where its bits will not be those of the run so far."""
    session = describe_session(progress.epoch, progress.step, parts.device, parts.engine, material, parts.teacher)
    if found := differences(run.environment, session):
        observer.warned(ResumedElsewhere(run.path, found))
    before = read_record(Environment, run.path / ENVIRONMENT)  # again, now that nobody else writes it
    environment = before.model_copy(update={"sessions": [*before.sessions, session]})
    write_record(environment, run.path / ENVIRONMENT)
    return replace(run, environment=environment)


def _start(run: RunDirectory, parts: _Parts) -> Start:
    environment = run.environment
    return Start(
        path=run.path,
        spec=run.spec,
        scored_on=run.scored_on,
        dataset=environment.dataset,
        held_out=environment.validation,
        seed=environment.seed,
        device=parts.device.type,
        threads=parts.engine.threads,
        engine=parts.engine.name,
        augmentation=environment.augmentation,
        initial=None if environment.initial is None else environment.initial.run,
    )


def _result(run: RunDirectory, data: Dataset, rows: tuple[EpochRow, ...]) -> Result:
    recipe = run.spec.train
    row = rows[-1] if recipe.early_stopping is None else best_row(rows)
    return Result(
        run=printable(str(run.path)),
        name=run.spec.name,
        parameters=run.spec.plan.parameters,
        dataset=data.name,
        data_digest=data.digest,
        warnings=[] if run.environment.data is None else run.environment.data.warnings,
        seed=run.environment.seed,
        epochs=len(rows),
        stopped_early=len(rows) < recipe.epochs,
        best_epoch=None if recipe.early_stopping is None else row.epoch,
        scored_on=run.scored_on,
        chosen_on=recipe.chosen_on,
        accuracy=row.eval_accuracy,
        n=len(data.test),
        loss=row.eval_loss,
        train_accuracy=row.train_accuracy,
        train_loss=row.train_loss,
        seconds=sum(each.seconds for each in rows),
        weights_sha256=hashlib.sha256(read_bytes(run.path / WEIGHTS)).hexdigest(),
    )


def _refuse_seed(seed: int | None) -> None:
    if seed is not None and not 0 <= seed <= LARGEST_SEED:
        raise UsageError(f"--seed {seed}: expects a number from 0 to {LARGEST_SEED}")
