"""The workers of this machine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from tinymnist.errors import UsageError
from tinymnist.training.pool import Pool, refuse_other_mains
from tinymnist.training.workers import InTurn, Workers


@contextmanager
def workers_or_own(
    workers: Workers | None, jobs: int | None, trainings: int, device: torch.device
) -> Iterator[Workers]:
    """`workers`, which stay open; or where there are none, `jobs` on this machine, which are closed in the end: by
    default as many as there are cores on a CPU, one on a GPU, and no more than trainings.

    Raises `UsageError` for no number of jobs, and where processes cannot be started.
    """
    if workers is not None:
        yield workers
        return
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs {jobs}: expects a number of 1 or more")
    cores = os.cpu_count() or 1 if device.type == "cpu" else 1
    count = min(jobs or cores, trainings)
    if count > 1:
        refuse_other_mains()
    with InTurn() if count == 1 else Pool(count) as own:
        yield own
