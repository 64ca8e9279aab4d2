"""The training loop: epochs of steps over images in memory."""

import math
import os
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from tinymnist.data import Dataset
from tinymnist.data.augment import Augmenter
from tinymnist.errors import DataError, DivergedError, Interrupted
from tinymnist.signals import StopRequest
from tinymnist.spec import Spec
from tinymnist.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from tinymnist.training.observer import EpochRow, Observer, Step
from tinymnist.training.optimizer import apply, make_optimizer
from tinymnist.training.run import Run
from tinymnist.training.schedule import schedule
from tinymnist.training.score import normalized, score
from tinymnist.training.seeds import derived_seed


@dataclass
class Trainer:
    """One training of one model, from wherever it stands to its last epoch."""

    run: Run
    model: nn.Module
    dataset: Dataset
    augmenter: Augmenter | None
    seed: int
    device: torch.device
    observer: Observer

    def __post_init__(self) -> None:
        recipe = self.spec.train
        self.optimizer = make_optimizer(recipe.optimizer, self.model)
        self.steps_per_epoch = math.ceil(len(self.dataset.train) / recipe.batch_size)
        self.hyper = schedule(recipe, self.steps_per_epoch)
        self.progress = Progress()
        self.test_images = normalized(self.dataset.test.images, recipe.normalize, self.device)
        self.test_labels = self.dataset.test.labels.to(self.device)

    @property
    def spec(self) -> Spec:
        return self.run.spec

    def resume(self) -> None:
        """Goes back to the run's checkpoint, if it has one."""
        if os.path.isfile(self.run.checkpoint):
            self.progress = load_checkpoint(self.run.checkpoint, self.model, self.optimizer)
            if self.progress.epoch > self.spec.train.epochs or self.progress.step > self.steps_per_epoch:
                raise DataError(f"{self.run.checkpoint}: does not belong to this run: it stands beyond its last step")

    def train(self, stop: StopRequest) -> tuple[EpochRow, ...]:
        """Trains to the last epoch and returns the row of each.

        Raises `Interrupted` once `stop` is set, with a checkpoint written; `DivergedError` where the loss or a weight
        is no longer finite, with the last good checkpoint left as it is.
        """
        while self.progress.epoch < self.spec.train.epochs:
            self._epoch(stop)
            if self.progress.epoch < self.spec.train.epochs:
                self._stop_if(stop)
        return self.progress.rows

    def _epoch(self, stop: StopRequest) -> None:
        order = self._order()
        images = len(self.dataset.train)
        self.observer.epoch_started(self.progress.epoch + 1, self.spec.train.epochs, images)
        self.model.train()
        while self.progress.step < self.steps_per_epoch:
            self._step(order)
            self._stop_if(stop)
        self._finish_epoch()

    def _order(self) -> Tensor:
        generator = torch.Generator().manual_seed(derived_seed(self.seed, "order", self.progress.epoch))
        return torch.randperm(len(self.dataset.train), generator=generator)

    def _step(self, order: Tensor) -> None:
        began = time.perf_counter()
        progress, recipe = self.progress, self.spec.train
        first = progress.step * recipe.batch_size
        chosen = order[first : first + recipe.batch_size]
        images, labels = self._batch(chosen)
        torch.manual_seed(derived_seed(self.seed, "dropout", progress.epoch, progress.step))
        hyper = self.hyper(progress.epoch * self.steps_per_epoch + progress.step)
        apply(hyper, self.optimizer)
        with _enough_memory():
            outputs = self.model(images)
            loss = functional.cross_entropy(outputs, labels)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        mean_loss = loss.item()
        if not math.isfinite(mean_loss):
            raise self._diverged(f"the loss is {mean_loss}")
        self.progress = replace(
            progress,
            step=progress.step + 1,
            images=progress.images + len(chosen),
            loss_sum=progress.loss_sum + mean_loss * len(chosen),
            correct=progress.correct + int((outputs.argmax(1) == labels).sum()),
            seconds=progress.seconds + time.perf_counter() - began,
        )
        self.observer.stepped(Step(self.progress.images, *self._means(self.progress), hyper.lr))

    def _batch(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        images = self.dataset.train.images[chosen]
        if self.augmenter is not None:
            seed = derived_seed(self.seed, "augment", self.progress.epoch, self.progress.step)
            images = self.augmenter(images, seed)
        labels = self.dataset.train.labels[chosen].to(self.device)
        return normalized(images, self.spec.train.normalize, self.device), labels

    @staticmethod
    def _means(progress: Progress) -> tuple[float, float]:
        return progress.loss_sum / progress.images, 100.0 * progress.correct / progress.images

    def _finish_epoch(self) -> None:
        self._refuse_broken_weights()
        progress = self.progress
        tested = score(self.model, self.test_images, self.test_labels)
        if not math.isfinite(tested.loss):
            raise self._diverged(f"the loss on the test images is {tested.loss}")
        loss, accuracy = self._means(progress)
        last_step = (progress.epoch + 1) * self.steps_per_epoch - 1
        row = EpochRow(
            epoch=progress.epoch + 1,
            lr=self.hyper(last_step).lr,
            train_loss=loss,
            train_accuracy=accuracy,
            test_loss=tested.loss,
            test_accuracy=tested.accuracy,
            seconds=progress.seconds,
            images_per_second=progress.images / progress.seconds,
        )
        self.progress = Progress(epoch=progress.epoch + 1, rows=(*progress.rows, row))
        self.run.write_metrics(self.progress.rows)
        self._save()
        self.observer.epoch_ended(row)

    def _stop_if(self, stop: StopRequest) -> None:
        if stop.signal_number is None:
            return
        self._refuse_broken_weights()
        self._save()
        progress = self.progress
        raise Interrupted(
            f"stopped in epoch {progress.epoch + 1} after step {progress.step} of {self.steps_per_epoch}: "
            f"go on with `tinymnist train --resume {shlex.quote(str(self.run.path))}`",
            stop.signal_number,
        )

    def _save(self) -> None:
        save_checkpoint(self.run.checkpoint, self.progress, self.model, self.optimizer)

    def _refuse_broken_weights(self) -> None:
        for name, tensor in self.model.state_dict().items():
            if not torch.isfinite(tensor).all():
                raise self._diverged(f"{name} holds numbers that are not finite")

    def _diverged(self, what: str) -> DivergedError:
        epoch = self.progress.epoch
        kept = f"the checkpoint of epoch {epoch} is kept" if epoch else "nothing was saved yet"
        return DivergedError(
            f"{self.run.path}: {what} at step {self.progress.step + 1} of epoch {self.progress.epoch + 1}; {kept}: "
            "try a lower learning rate"
        )


@contextmanager
def _enough_memory() -> Iterator[None]:
    """Raises `DataError` where the memory does not suffice."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error):
            raise DataError("not enough memory for a step: choose a smaller --batch-size or network") from None
        raise
