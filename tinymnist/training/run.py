"""A run: what was trained, how, and with what result."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import nn

from tinymnist.data.publication import Prepare
from tinymnist.errors import DataError
from tinymnist.spec import Spec
from tinymnist.training.observer import EpochRow
from tinymnist.training.records import Environment, Result, TrainedOn


@dataclass(frozen=True)
class Run(ABC):
    """One training: a `RunDirectory`, or a `PackedRun`, which keeps a finished one in one file."""

    path: Path
    spec: Spec
    environment: Environment

    @property
    @abstractmethod
    def finished(self) -> bool:
        """Whether the training has come to its end."""

    @property
    @abstractmethod
    def result(self) -> Result:
        """The figures of its weights. Raises `RunError` where the run is not finished, `DataError` for damage."""

    @abstractmethod
    def load_model(self) -> nn.Sequential:
        """The trained network, in evaluation mode. Raises `RunError` where the run is not finished, `DataError` for
        damage."""

    @abstractmethod
    def read_metrics(self) -> list[EpochRow]:
        """One row per epoch. Raises `RunError` for a packed run, which keeps none, `DataError` for damage."""

    @property
    def metrics_by_seed(self) -> list[list[EpochRow]]:
        """The metrics in the form that those of a series have; there is one seed."""
        return [self.read_metrics()]

    @property
    def scored_on(self) -> Literal["test", "validation"]:
        """The images that the run is scored on: the test set, or those held out of the training images."""
        return "validation" if self.environment.validation else "test"

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the network's outputs; numbers in runs of earlier versions. Raises
        `DataError` where there are more or fewer than outputs."""
        data, count = self.environment.data, self.spec.classes
        if data is None:
            return tuple(map(str, range(count)))
        if len(data.class_names) != count:
            named = f"it names {len(data.class_names):,} classes, its network has {count:,}"
            raise DataError(f"{self.path}: damaged ({named}): copy the run again")
        return tuple(data.class_names)

    @property
    def prepare(self) -> Prepare:
        """How a picture becomes one like those that the network was trained on."""
        data = self.environment.data
        return "mnist" if data is None else data.prepare

    @property
    def warnings(self) -> list[dict[str, str | int]]:
        """What is worth knowing of the data: the fields of notices, and their `kind`."""
        data = self.environment.data
        return [] if data is None else data.warnings

    @property
    def trained_on(self) -> tuple[TrainedOn, ...]:
        """The images that the weights know: those of this run, then those of the networks that it started from."""
        own, initial = self.environment, self.environment.initial
        digest = None if own.data is None else own.data.digest
        known = [TrainedOn(dataset=own.dataset, validation=own.validation, digest=digest)]
        return tuple(dict.fromkeys([*known, *([] if initial is None else initial.trained_on)]))
