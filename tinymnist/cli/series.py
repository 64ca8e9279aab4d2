"""Progress of a series on stderr: a bar while seeds are trained, a line for each that is finished."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from tinymnist.cli.notices import say_notice
from tinymnist.cli.progress import Silence
from tinymnist.console import say, shows_bars
from tinymnist.notices import Notice
from tinymnist.spec import Spec
from tinymnist.text import counted
from tinymnist.training import SeriesObserver
from tinymnist.training.observer import EpochRow, Step
from tinymnist.training.records import Result


class SeriesProgress(SeriesObserver):
    """One bar over the epochs of all seeds where stderr is a terminal, else a line for each epoch; and a line for each
    seed that is finished."""

    def __init__(self) -> None:
        super().__init__()
        self._bar: Any = None
        self._silence = Silence()
        self._epochs = 0

    def __enter__(self) -> "SeriesProgress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def warned_first(self, notice: Notice) -> None:
        self._clear()
        say_notice(notice)

    def started(self, path: Path, spec: Spec, seeds: Sequence[int], pending: int, jobs: int) -> None:
        finished = f" ({len(seeds) - pending} finished before)" if pending < len(seeds) else ""
        say(
            f"{path}: {spec.name}, {spec.plan.parameters:,} parameters, {counted(len(seeds), 'seed')}{finished}, "
            f"{counted(spec.train.epochs, 'epoch')} each, {jobs} at once"
        )
        self._epochs = spec.train.epochs
        self._bar = tqdm(total=pending * spec.train.epochs, unit=" epochs", leave=False, disable=not shows_bars())

    def stepped(self, seed: int, step: Step) -> None:
        if self._bar.disable and self._silence.is_long():
            self._silence.end(f"seed {seed}, epoch {step.epoch}: {step.images:,} images so far")

    def epoch_ended(self, seed: int, row: EpochRow) -> None:
        line = f"seed {seed}, epoch {row.epoch}: {row.eval_accuracy:.2f} %"
        if self._bar.disable:
            self._silence.end(line)
        self._bar.set_postfix_str(line, refresh=False)
        self._bar.update()

    def seed_ended(self, result: Result) -> None:
        stopped = f"  stopped early after epoch {result.epochs}" if result.stopped_early else ""
        self._bar.update(self._epochs - result.epochs)
        self._clear()
        say(f"seed {result.seed}: {result.accuracy:.2f} %  loss {result.loss:.4f}  {result.seconds:.0f} s{stopped}")

    def _clear(self) -> None:
        if self._bar is not None:
            self._bar.clear()
