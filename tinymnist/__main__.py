"""The `tinymnist` command, also as `python -m tinymnist`: a process around `tinymnist.cli.run`."""

import os
import sys
import warnings
from io import TextIOWrapper
from typing import TextIO

from tinymnist.console import complain, report_error, result_begun, wants_json
from tinymnist.errors import Bug, DataError, Interrupted
from tinymnist.signals import leave_at_once_on_signals, leave_by_signals


def main() -> None:
    """Runs the command of `sys.argv` and exits with its code."""
    _open_missing_streams()
    leave_at_once_on_signals(_last_words)  # before the imports below, which take a while
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # warnings of libraries are advice for programmers
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

    from tinymnist.cli import run

    as_json = wants_json(sys.argv[1:])
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except MemoryError:
        code = report_error(DataError("not enough memory: close other programs, or choose something smaller"), as_json)
    except BrokenPipeError:  # the reader has gone, and needs no message; 128 + SIGPIPE is what shells call that
        code = 141
        _discard(sys.stdout)
    except OSError as error:
        code = 3
        print(f"tinymnist: cannot write the result: {error.strerror}", file=sys.stderr)
        _discard(sys.stdout)
    except Exception:
        import traceback

        for line in traceback.format_exc().splitlines():
            complain(line)
        code = report_error(Bug("this is a mistake in tinymnist itself: please report the lines above"), as_json)
    leave_by_signals()
    sys.exit(code)


def _open_missing_streams() -> None:
    """Lets a process that was started without stdin, stdout or stderr write nowhere, as daemons and `pythonw` do. Its
    free descriptors are filled first, so that no file that is opened later becomes one of them."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 - for as long as the process lives
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115


def _last_words(number: int) -> None:
    """Answers a signal that comes while there is nothing to save. Adds nothing to a result that has begun, and does not
    wait for its reader."""
    alone = not result_begun.is_set()
    report_error(Interrupted("interrupted", number), alone and wants_json(sys.argv[1:]))
    if alone:
        sys.stdout.flush()


def _discard(stream: TextIO) -> None:
    """Sends what is still buffered nowhere, so that Python does not complain at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    main()
