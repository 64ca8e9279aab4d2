"""Other programs: they end when they are told to, with all that they have started."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tinymnist.signals import StopRequest

POLL_SECONDS = 0.1


def communicate(
    command: Sequence[str], seconds: float, stop: StopRequest, folder: Path | None = None
) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command, run in `folder`. It is killed, with all that it has started, at a stop
    request or after `seconds`. Raises `OSError` where it cannot be started."""
    deadline = time.monotonic() + seconds
    with subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as child:
        while True:
            try:
                out, err = child.communicate(timeout=min(POLL_SECONDS, seconds))
            except subprocess.TimeoutExpired:
                if stop or time.monotonic() > deadline:
                    os.killpg(child.pid, signal.SIGKILL)
            else:
                return child.returncode, out, err
