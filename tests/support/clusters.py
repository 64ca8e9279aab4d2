"""A Dask cluster of real processes on this machine, secured by TLS."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE_SECONDS = 60.0
SCHEDULER, WORKER = "distributed.cli.dask_scheduler", "distributed.cli.dask_worker"


def make_certificates(folder: Path) -> None:
    """Writes `ca.pem`, `node.pem` and `node.key` by the command `openssl`."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new = ("req", "-newkey", "rsa:2048", "-nodes")
    openssl(*new, "-x509", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=authority")
    openssl(*new, "-keyout", "node.key", "-out", "node.csr", "-subj", "/CN=localhost")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "node.pem", "-days", "2")
    openssl("x509", "-req", "-in", "node.csr", *signed)


@dataclass
class Cluster:
    """A scheduler and its workers, each with the log of its output in `folder`."""

    folder: Path
    certificates: Path
    address: str = ""
    scheduler: "subprocess.Popen[bytes] | None" = None
    workers: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    @property
    def options(self) -> list[str]:
        """What `train` and `search` need to use it."""
        ca, certificate, key = (str(self.certificates / name) for name in ("ca.pem", "node.pem", "node.key"))
        return ["--scheduler", self.address, "--tls-ca", ca, "--tls-cert", certificate, "--tls-key", key]

    @property
    def _tls(self) -> list[str]:
        ca, certificate, key = (str(self.certificates / name) for name in ("ca.pem", "node.pem", "node.key"))
        return ["--tls-ca-file", ca, "--tls-cert", certificate, "--tls-key", key]

    def start_scheduler(self, port: int = 0) -> None:
        """Starts the scheduler, by default at a free port."""
        where = ["--host", "127.0.0.1", "--port", str(port), "--protocol", "tls", "--no-dashboard"]
        log = self.folder / "scheduler.log"
        self.scheduler = self._start(SCHEDULER, [*where, *self._tls], log, {})
        self.address = self._said(log, r"Scheduler at:\s+(tls://[0-9.:]+)")

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def start_worker(self, environment: Mapping[str, str] | None = None, folder: Path | None = None) -> None:
        """Starts a worker, which is watched over, and started again, by a nanny."""
        log = self.folder / f"worker{len(self.workers)}.log"
        arguments = [self.address, "--nthreads", "1", "--resources", "train=1", "--no-dashboard", *self._tls]
        arguments += ["--local-directory", str(self.folder)]
        self.workers.append(self._start(WORKER, arguments, log, environment or {}, folder))
        self._said(log, r"Registered to:\s+(tls://[0-9.:]+)")

    def worker_process(self, number: int) -> int:
        """The process in which a worker trains: a child of its nanny."""
        nanny = self.workers[number].pid
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            for children in Path(f"/proc/{nanny}/task").glob("*/children"):
                for child in children.read_text().split():
                    if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                        return int(child)
            time.sleep(0.05)
        raise AssertionError("the nanny has no worker")

    def lose_worker(self, number: int) -> None:
        """Ends a worker and its nanny, so that nothing starts it again."""
        _kill_group(self.workers[number])

    def stop(self) -> None:
        """Ends all processes, whatever they are doing."""
        for process in (*self.workers, self.scheduler):
            if process is not None:
                _kill_group(process)
        self.workers.clear()

    def _start(
        self, module: str, arguments: list[str], log: Path, environment: Mapping[str, str], folder: Path | None = None
    ) -> "subprocess.Popen[bytes]":
        quick = {
            "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "5s",
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "100",
        }
        with open(log, "wb") as stream:
            return subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdout=stream,
                stderr=subprocess.STDOUT,
                env={**os.environ, **quick, **environment},
                cwd=folder or self.folder,
                start_new_session=True,
            )

    def _said(self, log: Path, pattern: str) -> str:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if found := re.search(pattern, log.read_text(errors="replace")):
                return found[1]
            time.sleep(0.05)
        raise AssertionError(f"never said {pattern!r}: {log.read_text(errors='replace')[-2000:]}")


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
