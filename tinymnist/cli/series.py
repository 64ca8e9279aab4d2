"""How the training of many seeds is shown: progress, the table of seeds, and the verdict on a target."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from tinymnist.cli.notices import notice_text
from tinymnist.console import say
from tinymnist.notices import Notice
from tinymnist.spec import Spec
from tinymnist.text import counted, images_text, interval_text
from tinymnist.training import Series, SeriesObserver
from tinymnist.training.observer import EpochRow
from tinymnist.training.records import Result, SeriesResult


class SeriesProgress(SeriesObserver):
    """One bar over the epochs of all seeds, where stderr is a terminal, and a line for each that is finished."""

    def __init__(self) -> None:
        super().__init__()
        self._bar: Any = None

    def __enter__(self) -> "SeriesProgress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def warned_first(self, notice: Notice) -> None:
        self._say(notice_text(notice))

    def started(self, path: Path, spec: Spec, seeds: Sequence[int], pending: int, jobs: int) -> None:
        finished = f" ({len(seeds) - pending} finished before)" if pending < len(seeds) else ""
        say(
            f"{path}: {spec.name}, {spec.plan.parameters:,} parameters, {counted(len(seeds), 'seed')}{finished}, "
            f"{counted(spec.train.epochs, 'epoch')} each, {jobs} at once"
        )
        self._bar = tqdm(
            total=pending * spec.train.epochs, unit=" epochs", leave=False, disable=not sys.stderr.isatty()
        )

    def epoch_ended(self, seed: int, row: EpochRow) -> None:
        self._bar.set_postfix_str(f"seed {seed}, epoch {row.epoch}: {row.eval_accuracy:.2f} %", refresh=False)
        self._bar.update()

    def seed_ended(self, result: Result) -> None:
        self._say(f"seed {result.seed}: {result.accuracy:.2f} %  loss {result.loss:.4f}  {result.seconds:.0f} s")

    def _say(self, text: str) -> None:
        if self._bar is not None:
            self._bar.clear()
        say(text)


def series_text(series: Series) -> str:
    """A row a seed, and the figures over all of them."""
    result = series.result
    lines = [
        f"{result.name}, {result.parameters:,} parameters, {counted(result.epochs, 'epoch')}, on "
        f"{images_text(result.images, result.scored_on, result.dataset)}",
        "seed        accuracy     loss",
    ]
    lines += [
        f"{seed:<10}  {accuracy:6.2f} %  {loss:7.4f}"
        for seed, accuracy, loss in zip(result.seeds, result.accuracies, result.losses, strict=True)
    ]
    lines += [_figures(result)]
    if result.chosen_on:
        lines.append(f"recipe chosen on: {result.chosen_on}")
    lines.append(f"run: {series.path}")
    return "\n".join(lines)


def _figures(result: SeriesResult) -> str:
    if result.interval is None:
        return f"mean {result.mean:.2f} % (n 1: no deviation, no interval)"
    interval = interval_text(result.interval.low, result.interval.high, 3)
    return (
        f"mean {result.mean:.3f} % ± {result.std:.3f} (n {result.n}), 95 % interval of the mean {interval}, "
        f"minimum {result.minimum:.2f} %, maximum {result.maximum:.2f} %"
    )
