"""What runs on a worker: it trains in a folder of its own, and returns the run directory as bytes."""

import pickle
import tempfile
import time
from dataclasses import dataclass

import torch
from distributed import get_worker

from tinymnist.cluster.folders import Packed, pack
from tinymnist.data import Dataset
from tinymnist.errors import Interrupted, TinyMnistError
from tinymnist.notices import Notice
from tinymnist.signals import SIGNALS
from tinymnist.spec import Spec
from tinymnist.training.api import train
from tinymnist.training.images import asked_for, load_images
from tinymnist.training.observer import EpochRow, Observer, Step
from tinymnist.training.task import Conditions, Limited
from tinymnist.version import __version__

SECONDS_BETWEEN_STEPS = 10.0
"""The time after which a worker reports another step."""


@dataclass(frozen=True)
class Order:
    """A training that is sent to a worker."""

    key: int
    spec: Spec
    seed: int
    conditions: Conditions
    topic: str
    """Where it reports."""


@dataclass(frozen=True)
class ImagesMissing:
    """A worker's answer where it does not find the images."""

    worker: str


@dataclass(frozen=True)
class Versions:
    """What decides whether a worker's trainings are those that this machine would do."""

    tinymnist: str
    torch: str

    @classmethod
    def here(cls) -> "Versions":
        return cls(__version__, str(torch.__version__).partition("+")[0])


def report_versions(topic: str) -> None:
    """Reports this worker's address and versions. Were they returned, the driver would have to fetch them from each
    worker, and wait for one that is busy."""
    worker = get_worker()
    worker.log_event(topic, pickle.dumps((worker.address, Versions.here())))


_held: dict[str, Dataset] = {}
"""Data sets that this worker has found or was sent, by digest."""


def hold_images(images: Dataset) -> None:
    """Keeps images that the driver sends."""
    _held[images.digest] = images


def train_order(order: Order) -> Packed | ImagesMissing | TinyMnistError:
    """Trains, and returns the run directory. An error that another worker would run into as well is returned, so that
    it is not tried again."""
    worker = get_worker()
    try:
        images = _images(order)
        if images is None:
            return ImagesMissing(worker.address)
        with tempfile.TemporaryDirectory(prefix="tinymnist-") as folder:
            asked = order.conditions
            observer: Observer = _Reporter(order)
            run = train(
                order.spec,
                seed=order.seed,
                dataset=asked.dataset,
                validation=asked.validation,
                initial=None if asked.initial is None else asked.initial.run,
                output=folder,
                name="run",
                device=asked.device,
                threads=asked.threads,
                images=images,
                observer=observer if asked.limit is None else Limited(observer, asked.limit),
            )
            return pack(run.path)
    except TinyMnistError as error:
        return error


def _images(order: Order) -> Dataset | None:
    """The images that the driver has, by its digest of them: those held, or those found here by their name."""
    asked = order.conditions
    if asked.digest is None:
        return None
    if asked.digest not in _held:
        try:
            found = load_images(asked_for(order.spec, asked.dataset), None, lambda _: None, may_download=False)
        except TinyMnistError:
            return None
        if found.digest != asked.digest:
            return None
        hold_images(found)
    return _held[asked.digest]


class _Reporter(Observer):
    """Reports to the driver, and ends the training once nobody waits for it any more."""

    def __init__(self, order: Order) -> None:
        self._order, self._worker = order, get_worker()
        self._task = self._worker.get_current_task()
        self._last_step = time.monotonic()

    def warned(self, notice: Notice) -> None:
        self._tell(notice)

    def stepped(self, step: Step) -> None:
        task = self._worker.state.tasks.get(self._task)
        if task is None or task.state == "cancelled":
            raise Interrupted("nobody waits for this training", SIGNALS[1])
        if time.monotonic() - self._last_step > SECONDS_BETWEEN_STEPS:
            self._last_step = time.monotonic()
            self._tell(step)

    def epoch_ended(self, row: EpochRow) -> None:
        self._tell(row)

    def _tell(self, told: Notice | Step | EpochRow) -> None:
        self._worker.log_event(self._order.topic, pickle.dumps((self._order.key, told)))
