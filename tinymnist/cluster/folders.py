"""A run directory as bytes: packed where it was trained, unpacked where it belongs."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from tinymnist.errors import DataError
from tinymnist.files import read_bytes, write_folder
from tinymnist.text import printable
from tinymnist.training.directory import SPEC, WEIGHTS
from tinymnist.training.metrics import METRICS
from tinymnist.training.records import ENVIRONMENT, RESULT, Environment, Record, Result, record_text

FILES = (SPEC, ENVIRONMENT, METRICS, WEIGHTS, RESULT)
"""What a finished run consists of."""

Packed = Mapping[str, bytes]
"""The content of each of `FILES`."""


def pack(folder: Path) -> Packed:
    """The files of a finished run. Raises `DataError` where one cannot be read."""
    return {name: read_bytes(folder / name) for name in FILES}


def unpack(packed: Packed, path: Path) -> Result:
    """Makes the run directory `path`, whole or not at all, in place of an unfinished one that may be there. Its records
    name this place and this command. Raises `DataError`.
    """
    if set(packed) != set(FILES):
        raise DataError(f"{path}: a worker has sent other files than those of a run")
    result = Result.model_validate_json(packed[RESULT]).model_copy(update={"run": printable(str(path))})
    command = [printable(argument) for argument in sys.argv]
    environment = Environment.model_validate_json(packed[ENVIRONMENT]).model_copy(update={"command": command})
    records: dict[str, Record] = {RESULT: result, ENVIRONMENT: environment}
    try:
        if os.path.lexists(path):
            shutil.rmtree(path)
        write_folder(path, {**packed, **{name: record_text(record) for name, record in records.items()}})
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}") from None
    return result
