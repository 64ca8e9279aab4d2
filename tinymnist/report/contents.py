"""What a report shows about a run, a series or a packaged network, as data."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from tinymnist.errors import DataError, RunError, TinyMnistError
from tinymnist.report.inspection import Inspection, Options, look_at
from tinymnist.spec import Spec
from tinymnist.spec.packaged import packaged_networks
from tinymnist.text import images_text
from tinymnist.training import Run, RunDirectory, Series, load_run, open_run
from tinymnist.training.observer import EpochRow
from tinymnist.training.packed import SUFFIX, PackedRun
from tinymnist.training.records import Declaration, Environment, Result, SeriesResult
from tinymnist.training.trained import open_trained
from tinymnist.training.unfinished import Reached, reached

Metrics = Sequence[Sequence[EpochRow]]
"""The epochs of each seed; a run has one seed."""


@dataclass(frozen=True)
class Entry:
    """One column of the report."""

    label: str
    """A plain file name, unique among the entries."""
    path: str
    spec: Spec
    result: Result | SeriesResult | None
    """None for a run that is not finished."""
    record: Environment | Declaration
    """How it was made; for a series without its runs, what was declared."""
    metrics: Metrics
    """Empty for a packaged network, which keeps no metrics."""
    network: Inspection | None
    """None for a series without its runs."""

    @property
    def seeds(self) -> tuple[int, ...]:
        if isinstance(self.result, SeriesResult):
            return tuple(self.result.seeds)
        assert isinstance(self.record, Environment), "only a series may have been declared alone"
        return (self.record.seed,)

    @property
    def warnings(self) -> list[dict[str, str | int]]:
        """What is worth knowing of its data: the fields of notices, and their `kind`."""
        return [] if self.record.data is None else self.record.data.warnings

    @property
    def scored_on(self) -> str:
        """The images that its result was scored on: `the 10,000 test images of mnist`."""
        if self.result is None:
            assert self.network is not None, "only a series may lack one"
            return self.network.images
        return images_text(self.images, self.result.scored_on, self.result.dataset)

    @property
    def images(self) -> int:
        """The number of images that it was scored on."""
        if isinstance(self.result, SeriesResult):
            return self.result.images
        if self.result is not None:
            return self.result.n
        assert self.network is not None, "only a series may lack one"
        return self.network.evaluation.n

    @property
    def shown_seed(self) -> int | None:
        """The seed whose network is shown for a series; None for anything else."""
        return self.result.median_seed if isinstance(self.result, SeriesResult) else None


def gather(paths: Sequence[str | PathLike[str]], options: Options) -> tuple[list[Entry], list[TinyMnistError]]:
    """Makes one entry per path: a run directory, a series, a packed run or the name of a packaged network.

    A run that is not finished is shown as its last checkpoint has it. What is missing or damaged, or has no checkpoint
    yet, is left out; the second list says why.

    Raises the first of those errors where nothing is left, `UsageError` if the test images of a run were among its
    training images, `DataError` if data is damaged.
    """
    opened: list[Run | Series] = []
    left_out: list[TinyMnistError] = []
    for path in paths:
        try:
            opened.append(_opened_whole(path))
        except (RunError, DataError) as error:
            left_out.append(error)
    if not opened:
        first, *others = left_out
        first.others = tuple(map(str, others))
        raise first
    shown = [_median_run(each) if isinstance(each, Series) else each for each in opened]
    trained = iter(
        open_trained(
            [run for run in shown if run is not None],
            options.dataset,
            options.data_dir,
            options.device,
            options.warn,
            held_out=True,
            unfinished=True,
        )
    )
    networks = [None if run is None else look_at(next(trained)) for run in shown]
    labels = _labels([each.path for each in opened])
    entries = [
        _of_series(each, label, run, network) if isinstance(each, Series) else _of_run(each, label, network)
        for each, label, run, network in zip(opened, labels, shown, networks, strict=True)
    ]
    return entries, left_out


def _opened_whole(path: str | PathLike[str]) -> Run | Series:
    """The run or series, with everything that is shown of it found to be readable. Raises `RunError`, `DataError`."""
    opened = open_run(path)
    run = _median_run(opened) if isinstance(opened, Series) else opened
    if isinstance(run, RunDirectory) and not run.finished:
        _metrics_so_far(run, reached(run))
        return opened
    if run is not None:
        run.load_model()
    _ = _metrics(opened)
    return opened


def _metrics(opened: Run | Series) -> Metrics:
    """The epochs, where they are kept."""
    keeps = opened.keeps_epochs if isinstance(opened, Series) else not isinstance(opened, PackedRun)
    return opened.metrics_by_seed if keeps else []


def _metrics_so_far(run: RunDirectory, so_far: Reached) -> Metrics:
    return run.metrics_by_seed if so_far.epoch else []


def _median_run(series: Series) -> Run | None:
    """The run of the median seed, where the series holds its runs."""
    path = series.seed_path(series.result.median_seed)
    return load_run(path) if path.is_dir() else None


def _of_run(run: Run, label: str, network: Inspection | None) -> Entry:
    if network is not None and (so_far := network.evaluation.unfinished) is not None:
        assert isinstance(run, RunDirectory)
        metrics = _metrics_so_far(run, so_far)
        return Entry(label, str(run.path), run.spec, None, run.environment, metrics, network)
    place = label if run.path in packaged_networks().values() else str(run.path)
    return Entry(label, place, run.spec, run.result, run.environment, _metrics(run), network)


def _of_series(series: Series, label: str, run: Run | None, network: Inspection | None) -> Entry:
    """Shows the network of the median seed if the series has its runs."""
    record = series.declaration if run is None else run.environment
    return Entry(label, str(series.path), series.spec, series.result, record, _metrics(series), network)


def _labels(paths: Sequence[Path]) -> list[str]:
    """Unique plain names, made from the last part of each path."""
    labels: list[str] = []
    for path in paths:
        name = re.sub("[^A-Za-z0-9._-]+", "-", path.resolve().name.removesuffix(SUFFIX)).strip("-.") or "run"
        numbered = (f"{name}-{number}" for number in itertools.count(2))
        labels.append(name if name not in labels else next(each for each in numbered if each not in labels))
    return labels
