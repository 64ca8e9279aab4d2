"""The program of the download process: `python -m tinymnist.data.fetch NAME FOLDER`.

Progress and torchvision's own messages go to stderr; the reason for a failure goes to stdout, in one line.
"""

import contextlib
import socket
import sys
from pathlib import Path

from tinymnist.data.catalogue import IDX_DATASETS, IdxDataset

STALL_SECONDS = 10
"""After this long without an answer, the next mirror is tried."""


def fetch(dataset: IdxDataset, folder: Path) -> str | None:
    """Downloads a data set into `folder`; returns why it failed, or None."""
    socket.setdefaulttimeout(STALL_SECONDS)
    try:
        from torchvision import datasets
    except (ImportError, RuntimeError) as error:
        return torchvision_problem(error)
    torchvision_class = getattr(datasets, dataset.torchvision_class)
    reasons = []
    for mirror in list(torchvision_class.mirrors):
        torchvision_class.mirrors = [mirror]  # torchvision itself gives up at the first mirror that stalls
        try:
            torchvision_class(str(folder), download=True)
        except Exception as error:  # whatever goes wrong with one mirror, the next may work
            reason = " ".join(str(error).rpartition("got:")[2].split()) or type(error).__name__
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
        problem = fetch(IDX_DATASETS[name], Path(folder))
    if problem is not None:
        print(problem)
    return int(problem is not None)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
