"""What was handed in: one spec each, from a file, a folder or a zip. Nothing of it is executed."""

import json
import os
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tinymnist.errors import DataError, RunError, TinyMnistError
from tinymnist.files import read_bytes
from tinymnist.notices import FilesPassedOver, Warn, warn_in_python
from tinymnist.spec.packaged import SUFFIXES, specs_in
from tinymnist.spec.strict_yaml import MAX_BYTES, read_file
from tinymnist.text import counted, printable

MAX_FILES = 1000
"""The most files that a folder or zip of one student may hold."""
MAX_RECORD = 1 << 20
SPEC, RESULT = "spec.yaml", "result.json"


@dataclass(frozen=True, slots=True)
class Submission:
    """What one student handed in."""

    name: str
    file: str
    """What errors call its spec."""
    text: str | None
    """Of the spec; None where there is none that can be read."""
    problem: str | None = None
    """Why there is none."""
    claimed: float | None = None
    """The accuracy that a result beside the spec claims, percent."""


def submission_at(path: Path) -> Submission:
    """The one submission that a file or a folder is. Raises `RunError` where there is none."""
    if not path.exists():
        raise RunError(f"{path}: no such file or folder: name a spec, a zip, or the folder of what was handed in")
    return _read(path, printable(_name(path.resolve())))


def is_one_submission(path: Path) -> bool:
    """Whether it is a file, or a folder with a `spec.yaml`, as a run is."""
    return path.is_file() or (path / SPEC).is_file()


def submissions_in(path: Path, warn: Warn = warn_in_python) -> list[Submission]:
    """The submissions in a folder, one for each spec, folder and zip directly in it. `warn` is told of what else is
    there.

    Raises `RunError` where there is nothing to grade, `DataError` where it cannot be read.
    """
    if not path.is_dir():
        raise RunError(f"{path}: no such file or folder: name a spec, a zip, or the folder of what was handed in")
    try:
        there = sorted(each for each in path.iterdir() if not each.name.startswith((".", "__MACOSX")))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    entries = [each for each in there if _may_be_one(each)]
    if len(entries) < len(there):
        others = [each for each in there if each not in entries]
        warn(FilesPassedOver(str(path), len(others), "a spec, a zip or a folder", printable(others[0].name)))
    if not entries:
        raise RunError(f"{path}: holds no submission: expects specs, zips, or a folder for each student")
    often = Counter(map(_name, entries))
    return [_read(each, printable(_name(each) if often[_name(each)] == 1 else each.name)) for each in entries]


def _name(path: Path) -> str:
    """What a submission is called: a file without its ending, a folder as it is."""
    return path.name if path.is_dir() else path.stem


def _may_be_one(path: Path) -> bool:
    return path.is_symlink() or path.is_dir() or path.suffix.lower() in (*SUFFIXES, ".zip")


def _read(path: Path, name: str) -> Submission:
    if path.is_symlink():
        return Submission(name, str(path), None, "is a link, which is not followed: put the file itself there")
    try:
        if path.is_dir():
            return _from_folder(path, name)
        if path.suffix.lower() == ".zip":
            return _from_zip(path, name)
        return Submission(name, str(path), read_file(str(path)))
    except TinyMnistError as error:
        return Submission(name, str(path), None, str(error))


def _from_folder(folder: Path, name: str) -> Submission:
    run = folder / SPEC
    if run.is_file() and not run.is_symlink():  # a run, or a spec under the usual name
        return Submission(name, str(run), read_file(str(run)), None, _claim(folder / RESULT))
    found, _ = specs_in(folder)
    if len(found) != 1:
        return Submission(name, str(folder), None, _not_one(len(found)))
    return Submission(name, str(found[0]), read_file(str(found[0])))


def _from_zip(path: Path, name: str) -> Submission:
    """Nothing is unpacked: the spec is read where it lies, and paths in the archive lead nowhere."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if len(entries) > MAX_FILES:
                return Submission(
                    name, str(path), None, f"holds {counted(len(entries), 'file')}: hand in the spec alone"
                )
            found = [each for each in entries if _is_spec(each)]
            usual = [each for each in found if os.path.basename(each.filename) == SPEC]
            chosen = usual if len(usual) == 1 else found
            if len(chosen) != 1:
                return Submission(name, str(path), None, _not_one(len(found)))
            if chosen[0].file_size > MAX_BYTES:
                return Submission(name, str(path), None, f"its spec is larger than {MAX_BYTES:,} bytes")
            with archive.open(chosen[0]) as stream:
                raw = stream.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:  # whatever the archive says of its size
            return Submission(name, str(path), None, f"its spec is larger than {MAX_BYTES:,} bytes")
        return Submission(name, f"{path}:{chosen[0].filename}", raw.decode("utf-8"))
    except UnicodeDecodeError:
        return Submission(name, str(path), None, "its spec is not UTF-8")
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        OSError,
        EOFError,
        ValueError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        return Submission(name, str(path), None, f"is no zip that can be read ({' '.join(str(error).split())[:80]})")
    except Exception as error:
        return Submission(name, str(path), None, f"is no zip that can be read ({type(error).__name__})")


def _is_spec(entry: zipfile.ZipInfo) -> bool:
    parts = entry.filename.split("/")
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    return not entry.is_dir() and not hidden and entry.filename.lower().endswith(SUFFIXES)


def _not_one(count: int) -> str:
    return "holds no spec: hand in one YAML file" if not count else f"holds {count} specs: hand in one"


def _claim(result: Path) -> float | None:
    """The accuracy that a `result.json` claims, if it is one."""
    if result.is_symlink() or not result.is_file():
        return None
    try:
        content = json.loads(read_bytes(result, MAX_RECORD))
        claimed = content["accuracy"]
    except (TinyMnistError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return float(claimed) if isinstance(claimed, int | float) and 0 <= claimed <= 100 else None
