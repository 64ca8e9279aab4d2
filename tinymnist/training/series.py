"""A series: one spec trained with many seeds, in one directory that can be resumed as a whole."""

import os
from dataclasses import dataclass
from pathlib import Path

from tinymnist.errors import DataError
from tinymnist.spec import Spec
from tinymnist.spec.packaged import packaged_series
from tinymnist.training.directory import RunDirectory, load_begun, not_finished, open_folder, seed_name
from tinymnist.training.metrics import METRICS, read_metrics
from tinymnist.training.observer import EpochRow
from tinymnist.training.records import RESULT, SERIES, Declaration, SeriesResult, read_record


@dataclass(frozen=True)
class Series:
    """The directory of a series; it holds a run directory for each seed."""

    path: Path
    spec: Spec
    declaration: Declaration

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(self.declaration.seeds)

    @property
    def finished(self) -> bool:
        return os.path.lexists(self.path / RESULT)

    @property
    def result(self) -> SeriesResult:
        """The figures over all seeds. Raises `RunError` where some are not finished, `DataError` for damage."""
        if not self.finished:
            raise not_finished(self.path)
        return read_record(SeriesResult, self.path / RESULT)

    @property
    def metrics_by_seed(self) -> list[list[EpochRow]]:
        """The epochs of each seed. Raises `DataError` where `metrics.csv` is missing or damaged."""
        if not self.keeps_epochs:
            raise DataError(f"{self.path.name}: comes with its results alone: every epoch of it is in the repository")
        rows_by_seed = read_metrics(self.path / METRICS, len(self.seeds))
        if self.spec.train.early_stopping is None and len({*map(len, rows_by_seed)}) > 1:
            raise DataError(f"{self.path / METRICS}: damaged (some seeds lack epochs): copy the series again")
        return rows_by_seed

    @property
    def keeps_epochs(self) -> bool:
        """Whether there should be a `metrics.csv`, which a series that comes with tinymnist is without."""
        return os.path.isfile(self.path / METRICS) or self.path not in packaged_series().values()

    def seed_path(self, seed: int) -> Path:
        return self.path / seed_name(seed)

    @property
    def runs(self) -> list[RunDirectory]:
        """The run of each seed. Raises `RunError` where one is missing, `DataError` for damage."""
        return [open_folder(self.seed_path(seed)) for seed in self.seeds]


def open_series(folder: Path) -> Series:
    """Opens the directory of a series. Raises `RunError` where it is none, `DataError` where it is damaged."""
    return Series(folder, *load_begun(folder, Declaration, SERIES))
