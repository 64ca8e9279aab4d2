"""SIGINT and SIGTERM: when to leave at once, and when to finish a step first."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from tinymnist.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether someone has asked to stop, and by which signal."""

    signal_number: int | None = None

    def __bool__(self) -> bool:
        return self.signal_number is not None


_active: list[StopRequest] = []
"""The request of the block that handles signals now."""


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Turns the first SIGINT or SIGTERM into a request; the second ends the process at once. Within another such block
    the request is the same one. Outside the main thread, where Python takes no signals, nothing is ever requested."""
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
    """Lets a short block come to its end before a signal is answered, so that it leaves nothing half-done."""
    outermost, stop = not _active, StopRequest()
    try:
        with stop_on_signals() as stop:
            yield
    except Interrupted:  # answered
        outermost = False
        raise
    finally:
        if outermost and stop.signal_number is not None:
            signal.raise_signal(stop.signal_number)


def leave_at_once_on_signals(last_words: Callable[[int], None]) -> None:
    """Makes a signal call `last_words(number)` and end the process with 128 + number, without unwinding: an exception
    in the middle of an import is swallowed by some libraries and turned into another error by others."""

    def handle(number: int, _: FrameType | None) -> None:
        leave_by_signals()  # should anyone be waiting for the last words to be read
        last_words(number)
        os._exit(128 + number)

    for number in SIGNALS:
        signal.signal(number, handle)


def leave_by_signals() -> None:
    """Makes a signal end the process as the system does, without a word: all is said."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)
