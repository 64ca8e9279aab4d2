"""The program of the download process: `python -m tinymnist.data.fetch NAME FOLDER`.

Progress and torchvision's own messages go to stderr; the reason for a failure goes to stdout, in one line.
"""

import contextlib
import socket
import sys
from pathlib import Path

from tinymnist.data.catalogue import PUBLISHED
from tinymnist.data.publication import Download, Published

STALL_SECONDS = 10
"""After this long without an answer, the next mirror is tried."""


def fetch(published: Published, folder: Path) -> str | None:
    """Downloads the files of a data set into `folder`; returns why it failed, or None."""
    socket.setdefaulttimeout(STALL_SECONDS)
    try:
        from torchvision.datasets.utils import download_url
    except (ImportError, RuntimeError) as error:
        return torchvision_problem(error)
    assert isinstance(published.source, Download)
    reasons = []
    for mirror in published.source.mirrors:
        try:
            for file in published.files:
                download_url(f"{mirror}{file.name}", str(folder), file.name, file.md5)  # unless it is there already
        except Exception as error:  # whatever goes wrong with one mirror, the next may work
            reason = " ".join(str(error).split()) or type(error).__name__
            reasons.append(f"{mirror.split('/')[2]}: {reason[:120]}")
        else:
            return None
    return "; ".join(reasons)


def torchvision_problem(error: Exception) -> str:
    """Says in one line why torchvision cannot be imported, and how to fix that."""
    return (
        f"torchvision does not fit the installed torch ({' '.join(str(error).split())[:120]}): "
        "install a pair that belongs together, with `pip install --upgrade torch torchvision`"
    )


def main(name: str, folder: str) -> int:
    with contextlib.redirect_stdout(sys.stderr):
        problem = fetch(PUBLISHED[name], Path(folder))
    if problem is not None:
        print(problem)
    return int(problem is not None)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
