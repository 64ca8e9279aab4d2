"""Downloads data sets by torchvision, in a process of its own.

A process can be stopped when a server stalls, and keeps torchvision out of this one. It downloads into a folder of its
own, from which only whole, verified files are moved to their place, so that two downloads at once do no harm.
"""

import os
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tinymnist.data.finding import MissingDataError, find_files
from tinymnist.data.publication import Download, Published
from tinymnist.errors import DataError, Interrupted
from tinymnist.files import make_folder, sync_file, sync_folder
from tinymnist.signals import signals_held, stop_on_signals

POLL_SECONDS = 0.1


def download(published: Published, folder: Path, limit_seconds: float) -> None:
    """Downloads the data set's files into `folder`, in torchvision's layout; what has a digest of its unpacked bytes is
    kept unpacked.

    Raises `MissingDataError` where that fails or takes longer than the limit, `DataError` where `folder` cannot be
    written.
    """
    assert isinstance(published.source, Download)
    place = folder / published.source.folder
    staging = folder / f".download-{secrets.token_hex(4)}"
    with signals_held():
        try:
            staging.mkdir(parents=True)
            _fetch(published, staging, limit_seconds)
            contents = find_files(published, staging)
            make_folder(place)
            for file in published.files:
                kept = file.stem if file.sha256 else file.name
                if file.sha256:
                    (staging / kept).write_bytes(contents[kept])
                sync_file(staging / kept)
                os.replace(staging / kept, place / kept)
            sync_folder(place)
        except OSError as error:
            problem = f"cannot be written: {error.strerror or error}: choose another --data-dir"
            raise DataError(f"{folder}: {problem}") from None
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _fetch(published: Published, staging: Path, limit_seconds: float) -> None:
    environment = dict(os.environ)
    if not sys.stderr.isatty():
        environment["TQDM_DISABLE"] = "1"
    command = [sys.executable, "-m", "tinymnist.data.fetch", published.name, str(staging)]
    deadline = time.monotonic() + limit_seconds
    # The child has a session of its own, so that Ctrl-C reaches only this process, which then ends the child.
    with (
        stop_on_signals() as stop,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True) as child,
    ):
        while child.poll() is None and not stop:
            if time.monotonic() > deadline:
                child.kill()
                raise MissingDataError(f"{published.name}: not downloaded within {limit_seconds:g} s")
            time.sleep(POLL_SECONDS)
        if stop.signal_number is not None:
            child.kill()
            raise Interrupted(f"{published.name}: download stopped; nothing of it is kept", stop.signal_number)
        said = child.stdout.read() if child.stdout is not None else ""
    if child.returncode != 0:
        reason = said.strip().splitlines()[-1:] or [f"the download ended with code {child.returncode}"]
        raise MissingDataError(f"{published.name}: cannot be downloaded: {reason[0]}")
