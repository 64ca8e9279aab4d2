"""Where a Dask scheduler is, and what secures the way there. No Dask."""

import ipaddress
import os
import re
from dataclasses import dataclass
from pathlib import Path

from tinymnist.errors import UsageError
from tinymnist.text import printable, shown

MAX_LOCAL = 1024
EXAMPLES = "tls://host:8786, tcp://127.0.0.1:8786, or local:4"


@dataclass(frozen=True)
class Certificates:
    """PEM files: of the authority that everybody trusts, and of this client."""

    authority: Path
    certificate: Path
    key: Path


@dataclass(frozen=True)
class Scheduler:
    """A scheduler to connect to, or a cluster to be started on this machine."""

    address: str
    """`tls://host:port` or `tcp://host:port`; empty: to be started here."""
    workers: int
    """How many workers to start here; 0: none, there is an address."""
    certificates: Certificates | None

    @classmethod
    def parse(cls, text: str, authority: Path | None, certificate: Path | None, key: Path | None) -> "Scheduler":
        """Reads `--scheduler` and the options beside it. Raises `UsageError`.

        Without TLS, everybody who reaches a scheduler can run programs on all its workers: plain TCP is for this
        machine alone.
        """
        option = f"--scheduler {shown(text)[1:-1]}"
        files = (authority, certificate, key)
        if (count := re.fullmatch(r"local:([0-9]{1,6})", text)) is not None:
            if not 1 <= int(count[1]) <= MAX_LOCAL:
                raise UsageError(f"{option}: expects 1 to {MAX_LOCAL:,} workers")
            if any(files):
                raise UsageError(f"{option}: needs no certificates: leave out --tls-ca, --tls-cert and --tls-key")
            return cls("", int(count[1]), None)
        address = re.fullmatch(r"(tls|tcp)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})", text)
        if address is None or not 1 <= int(address[3]) <= 65535:
            raise UsageError(f"{option}: expects an address, as in {EXAMPLES}")
        if address[1] == "tcp":
            if not _is_loopback(address[2].strip("[]")):
                raise UsageError(f"{option}: plain TCP is for this machine alone: use tls:// with certificates")
            if any(files):
                raise UsageError(f"{option}: plain TCP has no certificates: use tls://, or leave them out")
            return cls(text, 0, None)
        if authority is None or certificate is None or key is None:
            raise UsageError(f"{option}: needs --tls-ca, --tls-cert and --tls-key, three files in PEM format")
        for name, path in (("--tls-ca", authority), ("--tls-cert", certificate), ("--tls-key", key)):
            if not os.path.isfile(path):
                raise UsageError(f"{name} {printable(str(path))}: no such file")
        return cls(text, 0, Certificates(authority, certificate, key))

    def __str__(self) -> str:
        return self.address or f"local:{self.workers}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
