"""A worker process of a series."""

import multiprocessing
import os
import signal
from typing import Any

import pytest

from tinymnist.training.worker import begin_worker


def _interrupted_early(nothing: Any) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.kill(os.getpid(), signal.SIGINT)
    begin_worker(nothing, nothing)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="blocks signals")
def test_a_worker_forgets_an_interrupt_that_came_before_it_was_ready() -> None:
    """A Ctrl-C in the terminal reaches every process; the parent alone answers it."""
    process = multiprocessing.get_context("spawn").Process(target=_interrupted_early, args=(None,))
    process.start()
    process.join()
    assert process.exitcode == 0
