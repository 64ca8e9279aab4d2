"""Progress of a training on stderr: a bar while an epoch runs, a line that stays when it is done."""

import time
from types import TracebackType
from typing import Any

from tqdm import tqdm

from tinymnist.cli.notices import say_notice
from tinymnist.console import say, shows_bars
from tinymnist.notices import Notice
from tinymnist.text import counted
from tinymnist.training import Observer
from tinymnist.training.observer import EpochRow, Start, Step


class Silence:
    """The time since a line was printed. Where no bar moves, somebody who reads a log wants one per minute."""

    LONG_SECONDS = 60.0

    def __init__(self) -> None:
        self._began = time.monotonic()

    def is_long(self) -> bool:
        return time.monotonic() - self._began > self.LONG_SECONDS

    def end(self, line: str) -> None:
        """Prints a line."""
        say(line)
        self._began = time.monotonic()


class Progress(Observer):
    """Shows events on stderr; no progress bar where that is not a terminal."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._epochs = 0
        self._scored = "test"
        self._silence = Silence()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._close()

    def warned(self, notice: Notice) -> None:
        say_notice(notice)

    def started(self, start: Start) -> None:
        self._scored = start.scored_on
        say(_start_text(start))

    def epoch_started(self, epoch: int, epochs: int, images: int) -> None:
        self._epochs = epochs
        self._bar = tqdm(
            total=images,
            desc=f"epoch {epoch}/{epochs}",
            unit=" images",
            unit_scale=True,
            leave=False,
            disable=not shows_bars(),
        )

    def stepped(self, step: Step) -> None:
        self._bar.update(step.images - self._bar.n)
        self._bar.set_postfix_str(f"lr {step.lr:.4f}", refresh=False)
        if self._bar.disable and self._silence.is_long():
            self._silence.end(f"epoch {step.epoch}/{self._epochs}: {step.images:,} of {self._bar.total:,} images")

    def epoch_ended(self, row: EpochRow) -> None:
        self._close()
        width = len(str(self._epochs))
        self._silence.end(
            f"epoch {row.epoch:{width}}/{self._epochs}  "
            f"train loss {row.train_loss:.4f} accuracy {row.train_accuracy:5.2f} %  "
            f"{self._scored} loss {row.eval_loss:.4f} accuracy {row.eval_accuracy:5.2f} %  "
            f"lr {row.lr:.5f}  {row.seconds:.1f} s  {row.images_per_second:,.0f} images/s"
        )

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _start_text(start: Start) -> str:
    spec, held = start.spec, f" ({start.held_out:,} held out)" if start.held_out else ""
    weights = "" if start.initial is None else f", from the weights of {start.initial}"
    return (
        f"{start.path}: {spec.name}, {spec.plan.parameters:,} parameters, {start.dataset}{held}, "
        f"{counted(spec.train.epochs, 'epoch')}, seed {start.seed}, {start.device}, "
        f"{counted(start.threads, 'thread')}, engine: {start.engine}, augmentation: {start.augmentation}{weights}"
    )
