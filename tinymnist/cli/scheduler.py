"""The options that send trainings to a Dask cluster, for `train` and `search`."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tinymnist.errors import UsageError

if TYPE_CHECKING:
    from tinymnist.cluster.address import Scheduler as Address
    from tinymnist.training.workers import Workers

CLUSTER = "Cluster"

Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="ADDRESS",
        envvar="TINYMNIST_SCHEDULER",
        show_envvar=False,
        help="Train on the workers of this Dask scheduler, as in tls://host:8786, or local:N for a trial here.",
        rich_help_panel=CLUSTER,
    ),
]


def _file(name: str, variable: str, help_text: str) -> object:
    return typer.Option(
        name,
        metavar="FILE",
        readable=False,
        envvar=variable,
        show_envvar=False,
        help=f"{help_text} [{variable}].",
        rich_help_panel=CLUSTER,
    )


Authority = Annotated[Path | None, _file("--tls-ca", "TINYMNIST_TLS_CA", "The authority that all certificates are of")]
Certificate = Annotated[Path | None, _file("--tls-cert", "TINYMNIST_TLS_CERT", "The certificate to show")]
Key = Annotated[Path | None, _file("--tls-key", "TINYMNIST_TLS_KEY", "Its key")]


def parsed(
    scheduler: str | None, authority: Path | None, certificate: Path | None, key: Path | None, jobs: int | None
) -> "Address | None":
    """The scheduler that the options mean; None where there is none. Raises `UsageError`."""
    if scheduler is None:
        return None
    from tinymnist.cluster.address import Scheduler as Address

    address = Address.parse(scheduler, authority, certificate, key)
    if jobs is not None:
        raise UsageError("--jobs: is for this machine: a cluster trains as many at once as it has workers")
    if find_spec("distributed") is None:
        raise UsageError('--scheduler needs Dask: pip install "tinymnist[cluster]"')
    return address


@contextmanager
def opened(address: "Address | None") -> Iterator["Workers | None"]:
    """The workers of the scheduler; None where there is none, and this machine trains."""
    if address is None:
        yield None
        return
    from tinymnist.cluster.opening import open_cluster

    with open_cluster(address) as workers:
        yield workers
