"""Connects to a Dask scheduler, or starts a cluster on this machine."""

import logging
import warnings
from contextlib import ExitStack, suppress
from typing import Any

from distributed import Client, LocalCluster, Security

from tinymnist.cluster.address import Scheduler
from tinymnist.cluster.dask_workers import RESOURCE, DaskWorkers
from tinymnist.errors import DataError
from tinymnist.training.workers import Workers

PATIENCE_SECONDS = 10
LOGS = ("distributed", "distributed.client", "asyncio")
"""What is silenced: what matters of it is told as notices and errors."""


def open_cluster(scheduler: Scheduler) -> Workers:
    """The workers of a cluster, which are left as they are in the end, or those of one that is started here. Raises
    `DataError` where no scheduler answers."""
    for name in LOGS:
        logs = logging.getLogger(name)
        logs.handlers, logs.propagate = [logging.NullHandler()], False
    warnings.filterwarnings("ignore", module="distributed")
    with ExitStack() as opened:
        address, security = scheduler.address, None
        if scheduler.workers:
            cluster: Any = LocalCluster(
                n_workers=scheduler.workers,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address=None,
                resources=RESOURCE,
                silence_logs=logging.CRITICAL,
            )
            opened.callback(cluster.close)
            address = cluster.scheduler_address
        if (files := scheduler.certificates) is not None:
            security = Security(
                tls_ca_file=str(files.authority),
                tls_client_cert=str(files.certificate),
                tls_client_key=str(files.key),
                require_encryption=True,
            )
        try:
            client = Client(address, timeout=PATIENCE_SECONDS, security=security, set_as_default=False)
        except Exception as error:  # the way there can fail as OSError, TimeoutError, ssl.SSLError, ValueError
            gist = str(error).splitlines()[0] if str(error) else type(error).__name__
            problem = f"no scheduler answers ({gist[:200]})"
            raise DataError(f"{scheduler}: {problem}: is it running, and the way open?") from None
        opened.callback(_close, client)
        workers = DaskWorkers(client, str(scheduler), opened.pop_all().close)
    workers.wait_for_workers(scheduler.workers or 1, PATIENCE_SECONDS / 2)
    return workers


def _close(client: Client) -> None:
    with suppress(Exception):  # that of a connection lost before, which Dask keeps until now
        client.close()
