"""Starting a training of one seed, or a series of many."""

from collections.abc import Mapping
from typing import Any

from tinymnist import training
from tinymnist.cli.progress import Progress
from tinymnist.cli.scheduler import opened
from tinymnist.cli.series import SeriesProgress
from tinymnist.cluster.address import Scheduler
from tinymnist.errors import UsageError
from tinymnist.spec import Spec
from tinymnist.training import Run, Series
from tinymnist.training.seeds import parse_seeds


def start_any(
    spec: Spec, seeds: str | None, jobs: int | None, options: Mapping[str, Any], scheduler: Scheduler | None
) -> Run | Series:
    """Trains `spec` with one seed, or with all of `seeds`, on the workers of `scheduler` if there is one. `options` are
    those of `training.train`, None for its default.

    Raises `UsageError` for options that do not go together, and else as `training.train` and `training.train_series`.
    """
    chosen = {name: value for name, value in options.items() if value is not None}
    if seeds is None:
        if jobs is not None:
            raise UsageError("--jobs: is for several --seeds: use --threads for one training")
        if scheduler is not None:
            raise UsageError("--scheduler: is for several --seeds: one training needs no cluster")
        with Progress() as progress:
            return training.train(spec, observer=progress, **chosen)
    if "seed" in chosen:
        raise UsageError("--seed: is one of --seeds already: give one of the two")
    with SeriesProgress() as observer, opened(scheduler) as workers:
        return training.train_series(spec, parse_seeds(seeds), jobs=jobs, workers=workers, observer=observer, **chosen)
