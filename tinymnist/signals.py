"""SIGINT and SIGTERM: ending at once, or finishing a step first."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from tinymnist.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether a stop has been requested, and by which signal."""

    signal_number: int | None = None

    def __bool__(self) -> bool:
        return self.signal_number is not None


_active: list[StopRequest] = []
"""The request of the `stop_on_signals` block that handles signals now, if there is one."""


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Turns the first SIGINT or SIGTERM into a request; the second ends the process at once. Nested blocks share one
    request. Outside the main thread, where Python handles no signals, nothing is ever requested."""
    if threading.current_thread() is not threading.main_thread():
        yield StopRequest()
        return
    if _active:
        yield _active[-1]
        return
    request = StopRequest()

    def handle(number: int, _: FrameType | None) -> None:
        if request:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        request.signal_number = number

    before = {number: signal.signal(number, handle) for number in SIGNALS}
    _active.append(request)
    try:
        yield request
    finally:
        _active.remove(request)
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def signals_held() -> Iterator[None]:
    """Lets a short block finish before a signal takes effect, so that nothing is left half done."""
    outermost, stop = not _active, StopRequest()
    try:
        with stop_on_signals() as stop:
            yield
    except Interrupted:  # the block itself has responded
        outermost = False
        raise
    finally:
        if outermost and stop.signal_number is not None:
            signal.raise_signal(stop.signal_number)


def leave_at_once_on_signals(last_words: Callable[[int], None]) -> None:
    """Makes a signal call `last_words(number)` and end the process with 128 + number, without unwinding: some libraries
    swallow an exception in the middle of an import, and others turn it into another error."""

    def handle(number: int, _: FrameType | None) -> None:
        leave_by_signals()  # in case nobody reads the last words
        last_words(number)
        os._exit(128 + number)

    for number in SIGNALS:
        signal.signal(number, handle)


def leave_by_signals() -> None:
    """Restores the system's handling: a signal ends the process without a message."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)
