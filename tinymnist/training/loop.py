"""The training loop: epochs of steps over images in memory."""

import math
import os
import shlex
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from tinymnist.data import Dataset
from tinymnist.data.affine import AffineAugmenter
from tinymnist.data.augment import Augmentation, Augmenter
from tinymnist.errors import DataError, DivergedError, Interrupted
from tinymnist.files import sweep
from tinymnist.numerics import uniform
from tinymnist.signals import StopRequest
from tinymnist.spec import Spec
from tinymnist.training.averaging import Average
from tinymnist.training.checkpoint import Progress, State, load_checkpoint, save_checkpoint
from tinymnist.training.class_weights import class_weights
from tinymnist.training.directory import RunDirectory
from tinymnist.training.early_stopping import Best, has_stalled
from tinymnist.training.engine import Engine
from tinymnist.training.memory import enough_memory
from tinymnist.training.observer import EpochRow, Observer, Step
from tinymnist.training.optimizer import Optimizer, apply
from tinymnist.training.schedule import schedule
from tinymnist.training.seeds import derived_seed
from tinymnist.training.teacher import Teacher
from tinymnist.training.views import View, first_view, view_of

MOST_KNOWN = 5_000
"""The most training images that are scored as they are after each epoch, which adds 1.5 % to an epoch of tiny3130 on
MNIST."""


@dataclass
class Trainer:
    """One training of one model, from its checkpoint or its beginning to its last epoch."""

    run: RunDirectory
    model: nn.Module
    optimizer: Optimizer
    engine: Engine
    dataset: Dataset
    augmenter: Augmenter | AffineAugmenter | None
    teacher: Teacher | None
    observer: Observer

    def __post_init__(self) -> None:
        recipe = self.spec.train
        self.average = None if recipe.ema is None else Average(self.model, recipe, self.dataset.train)
        self.class_weights = class_weights(recipe, self.dataset.train.labels, self.spec.classes)
        self.best = None if recipe.early_stopping is None else Best(self.model)
        self.state = State(self.model, self.optimizer, self.average, self.best)
        self.known = self.dataset.train.sample(min(MOST_KNOWN, len(self.dataset.test)))
        self.seed = self.run.environment.seed
        self.steps_per_epoch = math.ceil(len(self.dataset.train) / recipe.batch_size)
        self.augmented_epochs = round(recipe.augment_until * recipe.epochs)
        self.progress = Progress()
        self.began = 0.0
        self.view: View | None = None
        self.augment: Augmentation | None = None

    @property
    def spec(self) -> Spec:
        return self.run.spec

    def resume(self) -> None:
        """Restores the run's checkpoint, if there is one."""
        sweep(self.run.checkpoint.parent)
        if os.path.isfile(self.run.checkpoint):
            self.progress = load_checkpoint(self.run.checkpoint, self.state)
            progress, recipe = self.progress, self.spec.train
            seen = min(progress.step * recipe.batch_size, len(self.dataset.train))
            if progress.epoch > recipe.epochs or progress.step > self.steps_per_epoch or progress.images != seen:
                raise DataError(f"{self.run.checkpoint}: does not belong to this run: it is at no step of it")

    def train(self, stop: StopRequest) -> tuple[EpochRow, ...]:
        """Trains to the last epoch, or stops early, and returns one row per epoch.

        Raises `Interrupted` once `stop` is set, with a checkpoint written; `DivergedError` where the loss, a gradient
        or a tensor that training changes is no longer finite, with the last good checkpoint kept.
        """
        if self.teacher is not None:
            self.teacher.prepare(self.dataset.train)
        while not self._done:
            self._epoch(stop)
            if not self._done:
                self._stop_if(stop)
        return self.progress.rows

    @property
    def _done(self) -> bool:
        progress, recipe = self.progress, self.spec.train
        if recipe.early_stopping is not None and has_stalled(recipe.early_stopping, progress.rows):
            return True
        return progress.epoch >= recipe.epochs

    def _epoch(self, stop: StopRequest) -> None:
        progress, images = self.progress, len(self.dataset.train)
        self.hyper = schedule(self.spec.train, self.steps_per_epoch, [row.eval_loss for row in progress.rows])
        self.origin = _Origin(progress, {name: tensor.clone() for name, tensor in self.state.tensors.items()})
        self.observer.epoch_started(progress.epoch + 1, self.spec.train.epochs, images)
        self.began = time.perf_counter() - progress.seconds
        order = self._order()
        self.engine.begin(progress.loss_sum, progress.correct)
        self.view = None  # before the next one needs memory
        self.view = self._view(stop)
        self.augment = self._augmentation()
        while self.progress.step < self.steps_per_epoch:
            self.observer.stepped(self._step(order))
            self._stop_if(stop)
        self._finish_epoch(stop)

    @property
    def _augmenter_now(self) -> Augmenter | AffineAugmenter | None:
        """What augments the images of this epoch."""
        return self.augmenter if self.progress.epoch < self.augmented_epochs else None

    def _view(self, stop: StopRequest) -> View | None:
        """What all images look like in this epoch, where the recipe has a fixed number of views."""
        if self.teacher is None or not isinstance(self.teacher.views, int):
            return None
        views = self.teacher.views
        number = (self.progress.epoch + first_view(self.seed, views)) % views
        with enough_memory():
            return view_of(self.dataset.train, self._augmenter_now, number, self.teacher, lambda: self._stop_if(stop))

    def _augmentation(self) -> Augmentation | None:
        """What augments the batches of this epoch."""
        if self.view is not None or self._augmenter_now is None:
            return None
        seed = derived_seed(self.seed, "augment", self.progress.epoch)
        return self._augmenter_now.augmentation(len(self.dataset.train), seed)

    def _order(self) -> Tensor:
        drawn = uniform(derived_seed(self.seed, "order", self.progress.epoch), len(self.dataset.train))
        return torch.from_numpy(np.argsort(drawn, kind="stable")).to(self.dataset.train.labels.device)

    def _step(self, order: Tensor) -> Step:
        progress, recipe = self.progress, self.spec.train
        first = progress.step * recipe.batch_size
        chosen = order[first : first + recipe.batch_size]
        images, labels = self._batch(chosen, first)
        teacher = self._taught(chosen, images)
        weights = None if self.class_weights is None else self.class_weights[labels]
        number = progress.epoch * self.steps_per_epoch + progress.step
        hyper = self.hyper(number)
        apply(hyper, self.optimizer)
        seed = derived_seed(self.seed, "dropout", progress.epoch, progress.step)
        with enough_memory():
            self.engine.step(images, labels, seed, teacher, weights)
        if self.average is not None:
            self.average.follow(number, self.engine)
        self.progress = replace(progress, step=progress.step + 1, images=progress.images + len(chosen))
        return Step(progress.epoch + 1, self.progress.images, hyper.lr)

    def _batch(self, chosen: Tensor, first: int) -> tuple[Tensor, Tensor]:
        if self.view is not None:
            return self.view.images.index_select(0, chosen), self.dataset.train.labels.index_select(0, chosen)
        images = self.dataset.train.images.index_select(0, chosen)  # several times faster than [chosen]
        if self.augment is not None:
            images = self.augment(images, first)
        return images, self.dataset.train.labels.index_select(0, chosen)

    def _taught(self, chosen: Tensor, images: Tensor) -> Tensor | None:
        """The teacher's probabilities for these training images, as the network sees them."""
        if self.view is not None:
            return self.view.probabilities[chosen]
        return None if self.teacher is None else self.teacher.probabilities(chosen, images)

    def _take_totals(self, stop: StopRequest) -> Progress:
        """Takes the engine's sums into the progress. Raises `DivergedError`."""
        loss_sum, correct = self.engine.totals()
        seconds = time.perf_counter() - self.began
        if broken := self._broken():
            raise self._diverged(*self._first_broken(broken, stop))
        self.progress = replace(self.progress, loss_sum=loss_sum, correct=correct, seconds=seconds)
        return self.progress

    def _finish_epoch(self, stop: StopRequest) -> None:
        progress = self._take_totals(stop)
        with self._average_in_place(), enough_memory():
            scored = self.engine.score(self.dataset.test)
            known = self.engine.score(self.known)
            if self.best is not None and all(scored.accuracy > row.eval_accuracy for row in progress.rows):
                self.best.take()
        if not math.isfinite(scored.loss):
            what = f"the loss on the images that are scored is {scored.loss}"
            raise self._diverged(what, f"after step {progress.step}")
        last_step = (progress.epoch + 1) * self.steps_per_epoch - 1
        row = EpochRow(
            epoch=progress.epoch + 1,
            lr=self.hyper(last_step).lr,
            train_loss=progress.loss_sum / progress.images,
            train_accuracy=100.0 * progress.correct / progress.images,
            eval_loss=scored.loss,
            eval_accuracy=scored.accuracy,
            seconds=progress.seconds,
            images_per_second=progress.images / progress.seconds,
            clean_train_accuracy=known.accuracy,
        )
        self.progress = Progress(epoch=progress.epoch + 1, rows=(*progress.rows, row))
        self.run.write_metrics(self.progress.rows)
        self._save()
        self.observer.epoch_ended(row)

    def result_tensors(self) -> dict[str, Tensor]:
        """The weights that are the result: those of the best epoch where the recipe stops early, else the last ones."""
        if self.best is not None:
            return self.best.tensors
        with self._average_in_place():
            return {name: tensor.clone() for name, tensor in self.model.state_dict().items()}

    def _average_in_place(self) -> AbstractContextManager[None]:
        """Puts the weights that are scored into the model: the average, where the recipe has one."""
        return nullcontext() if self.average is None else self.average.in_place(self.engine)

    def _stop_if(self, stop: StopRequest) -> None:
        if stop.signal_number is None:
            return
        if self.progress.step:
            self._take_totals(stop)
            self._save()
        progress = self.progress
        raise Interrupted(
            f"stopped in epoch {progress.epoch + 1} after step {progress.step} of {self.steps_per_epoch}: "
            f"resume it with `tinymnist train --resume {shlex.quote(str(self.run.path))}`",
            stop.signal_number,
        )

    def _save(self) -> None:
        save_checkpoint(self.run.checkpoint, self.progress, self.state)

    def _broken(self) -> str | None:
        """Says what is not finite after the steps so far, if anything."""
        loss_sum, _ = self.engine.totals()
        if not math.isfinite(loss_sum):
            return f"the loss is {loss_sum}"
        gradients = {f"the gradient of {name}": each.grad for name, each in self.model.named_parameters()}
        for name, tensor in (gradients | self.state.tensors).items():
            if tensor is not None and not torch.isfinite(tensor).all():
                return f"{name} holds numbers that are not finite"
        return None

    def _first_broken(self, broken: str, stop: StopRequest) -> tuple[str, str]:
        """Says what broke first, and at which step. Looking after every step would slow down all trainings, so the
        steps since the last good state are taken again. Where they then differ, as they may on a GPU, or a stop is
        requested, only the range of steps is known."""
        origin, last = self.origin, self.progress.step
        self.state.restore(origin.tensors, str(self.run.path))
        self.engine.begin(origin.progress.loss_sum, origin.progress.correct)
        self.progress, order = origin.progress, self._order()
        while self.progress.step < last and not stop:
            self._step(order)
            if found := self._broken():
                return found, f"at step {self.progress.step}"
        return broken, f"within steps {origin.progress.step + 1} to {last}"

    def _diverged(self, what: str, where: str) -> DivergedError:
        epoch, step = self.origin.progress.epoch, self.origin.progress.step
        if step:
            kept = f"the checkpoint of epoch {epoch + 1}, step {step} is kept"
        else:
            kept = f"the checkpoint of epoch {epoch} is kept" if epoch else "nothing was saved yet"
        return DivergedError(f"{self.run.path}: {what} {where} of epoch {epoch + 1}; {kept}: try a lower learning rate")


@dataclass(frozen=True)
class _Origin:
    """The state in which the steps of this epoch began: a copy of all that they change."""

    progress: Progress
    tensors: dict[str, Tensor]
