"""Compiles C and loads the library, which is kept in the user's cache and used again only if it is intact."""

import ctypes
import hashlib
import os
import re
import shlex
import shutil
import signal
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from tinymnist.errors import Interrupted
from tinymnist.files import make_room
from tinymnist.native.errors import CompilerError
from tinymnist.processes import communicate
from tinymnist.signals import signals_held, stop_on_signals

STRICT = ("fast-math", "unsafe-math-optimizations", "associative-math", "reciprocal-math", "finite-math-only")
ARITHMETIC = (
    *(f"-fno-{freedom}" for freedom in STRICT),  # whatever `CC` says
    "-fsigned-zeros",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
)
FLAGS = ("-std=gnu11", "-O2", *ARITHMETIC, "-fvisibility=hidden", "-fPIC", "-shared")
LIBRARIES = ("-lm", "-pthread")
CPU_FLAGS = ("-march=native", "-mcpu=native")
"""Which of them a compiler accepts depends on its family and its target."""

LIMIT = 256 << 20
"""Bytes of all libraries in the cache: more than a thousand; beyond it, those that were not used for the longest time
are removed."""
LIBRARY = re.compile(r"[0-9a-f]{64}\.so")

PROBE_SECONDS = 10.0
COMPILE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Compiler:
    """A C compiler, and the machine it compiles for."""

    command: tuple[str, ...]
    target: str
    """Every macro that the compiler defines for this CPU; they tell its version and what the CPU can do."""

    @property
    def lanes(self) -> int:
        """Floats in the widest vector of this CPU."""
        if "#define __AVX512F__ 1" in self.target:
            return 16
        return 8 if "#define __AVX__ 1" in self.target else 4

    @property
    def portable(self) -> bool:
        """Whether this CPU multiplies and adds with one rounding, as the bits of other machines suppose."""
        return any(f"#define {macro} 1" in self.target for macro in ("__FMA__", "__aarch64__"))


def find_compiler() -> Compiler:
    """The compiler that `CC` names, or else `cc`. Raises `CompilerError` where there is none, or it fails."""
    if os.name != "posix":
        raise CompilerError("it needs POSIX threads")
    words = shlex.split(os.environ.get("CC", "")) or ["cc"]
    if shutil.which(words[0]) is None:
        raise CompilerError(f"no C compiler: `{words[0]}` was not found")
    problem = "fails"
    for flag in (*CPU_FLAGS, None):
        command = (*words, *([flag] if flag else []))
        try:
            probe = _run((*command, "-dM", "-E", "-x", "c", os.devnull), PROBE_SECONDS)
        except CompilerError as error:
            problem = str(error)
            continue
        return Compiler(command, probe)
    raise CompilerError(problem)


def load_library(source: str, compiler: Compiler, folder: Path | None = None) -> ctypes.CDLL:
    """Loads the library of a C source from the cache, after compiling it if needed. Raises `CompilerError`.

    `folder` is the cache, by default in the user's cache folder.
    """
    folder = folder or platformdirs.user_cache_path("tinymnist") / "native"
    _make_private(folder)
    everything = "\0".join([source, *compiler.command, *FLAGS, *LIBRARIES, compiler.target])
    path = folder / f"{hashlib.sha256(everything.encode()).hexdigest()}.so"
    try:
        if not _is_intact(path):
            _compile(source, compiler, path)
            for removed in make_room(folder, LIBRARY, LIMIT, path):
                _digest_path(removed).unlink(missing_ok=True)
        os.utime(path)  # used now
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise CompilerError(f"{path}: {error.strerror or error}") from None


def _make_private(folder: Path) -> None:
    """Makes the cache a folder that nobody else can write to, since its files are run, or raises `CompilerError`."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status, around = folder.lstat(), folder.parent.stat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
            raise CompilerError(f"{folder}: is not a private folder of this user")
        exposed = around.st_mode & 0o002 and not around.st_mode & stat.S_ISVTX
        if around.st_uid not in (os.geteuid(), 0) or exposed:  # others could put another folder in its place
            raise CompilerError(f"{folder.parent}: is not a folder that only this user can change")
        folder.chmod(0o700)
    except OSError as error:
        raise CompilerError(f"{folder}: {error.strerror or error}") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CompilerError(f"{folder}: cannot be written")


def _digest_path(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _is_intact(path: Path) -> bool:
    """Whether the library exists with the digest that was recorded when it was compiled."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == _digest_path(path).read_text()
    except (OSError, UnicodeDecodeError):
        return False


def _compile(source: str, compiler: Compiler, path: Path) -> None:
    with signals_held(), tempfile.TemporaryDirectory(dir=path.parent) as work:
        code, library = Path(work) / "network.c", Path(work) / "network.so"
        code.write_text(source)
        _run((*compiler.command, *FLAGS, str(code), "-o", str(library), *LIBRARIES), COMPILE_SECONDS)
        digest = Path(work) / "digest"
        digest.write_text(hashlib.sha256(library.read_bytes()).hexdigest())
        os.replace(library, path)
        os.replace(digest, _digest_path(path))


def _run(command: tuple[str, ...], seconds: float) -> str:
    """Runs a command and returns its stdout. Raises `CompilerError`, and `Interrupted` after SIGINT or SIGTERM."""
    with stop_on_signals() as stop:
        try:
            code, out, err = communicate(command, seconds, stop)
        except OSError as error:
            raise CompilerError(f"`{command[0]}`: {error.strerror or error}") from None
    if stop.signal_number is not None:
        raise Interrupted("interrupted", stop.signal_number)
    if code == -signal.SIGKILL:
        raise CompilerError(f"`{command[0]}` took more than {seconds:.0f} s")
    if code:
        lines = [line for line in err.splitlines() if "error" in line] or err.splitlines()
        raise CompilerError(f"`{command[0]}` fails: {lines[0][:200] if lines else code}")
    return out
