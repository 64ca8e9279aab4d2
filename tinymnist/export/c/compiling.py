"""Compiles exported C: for this machine, to run it, and for microcontrollers, to measure its size."""

import re
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tinymnist.choices import Optimize
from tinymnist.errors import CheckFailed, DataError, Interrupted
from tinymnist.export.c.chips import ARM, CHIPS
from tinymnist.export.c.program import Program
from tinymnist.native import CompilerError, find_compiler
from tinymnist.native.compiler import CPU_FLAGS
from tinymnist.processes import communicate
from tinymnist.signals import StopRequest, stop_on_signals

FLAGS = ("-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-pedantic")
CORES = {core.replace("-", "_"): CHIPS[core].flags for core in ("cortex-m4", "cortex-m0plus")}
OPTIMIZE: dict[Optimize, str] = {"size": "-Os", "speed": "-O3"}
COMPILE_SECONDS, RUN_SECONDS = 120.0, 1800.0

MAIN_NAME = "run-all.c"
"""No network's file has this name: an identifier has no hyphen."""
MAIN = """\
#include <stdio.h>
#include "{name}.h"

int main(int argc, char **argv)
{{
    static uint8_t image[{upper}_PIXELS];
    static {name}_element scratch[{upper}_SCRATCH];
    {name}_logit logits[{upper}_CLASSES];
    FILE *in = argc == 3 ? fopen(argv[1], "rb") : NULL, *out = argc == 3 ? fopen(argv[2], "wb") : NULL;
    if (!in || !out)
        return 2;
    while (fread(image, 1, sizeof image, in) == sizeof image) {{
        {name}_logits(image, logits, scratch);
        if (fwrite(logits, sizeof logits, 1, out) != 1)
            return 3;
    }}
    return fclose(out) ? 3 : 0;
}}
"""


def c_compiler() -> tuple[str, ...] | None:
    """The command of a C compiler, from `CC` or `cc`, without flags for this CPU; None where there is none."""
    try:
        command = find_compiler().command
    except CompilerError:
        return None
    return tuple(word for word in command if word not in CPU_FLAGS)


def compute_logits(
    program: Program,
    images: Tensor,
    compiler: Sequence[str],
    flags: Sequence[str] = FLAGS,
    emulator: Sequence[str] = (),
) -> NDArray[Any]:
    """Compiles the program and runs it, by an `emulator` if the compiler is for another machine, on images
    (N, height, width, channels) uint8. Returns logits (N, classes), float32 or int32. Raises `CheckFailed` where it
    does not compile or run, `DataError` where its files cannot be written."""
    names = {"name": program.identifier, "upper": program.identifier.upper()}
    with written(program) as folder:
        (folder / MAIN_NAME).write_text(MAIN.format(**names))
        (folder / "images").write_bytes(images.numpy().tobytes())
        sources = [f"{program.identifier}.c", MAIN_NAME]
        run_tool((*compiler, *flags, *sources, "-o", "program", *libraries(program)), folder, COMPILE_SECONDS)
        run_tool((*emulator, str(folder / "program"), "images", "logits"), folder, RUN_SECONDS)
        logits = np.fromfile(folder / "logits", np.float32 if program.logit_type == "float" else np.int32)
    return logits.reshape(len(images), program.classes)


def shared_library(files: Mapping[str, bytes], folder: Path, compiler: Sequence[str]) -> Path:
    """Writes exported files to `folder` and compiles them to a library there, whose path it returns. Raises
    `CheckFailed` where they do not compile."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    sources = [name for name in files if name.endswith(".c")]
    run_tool((*compiler, *FLAGS, "-shared", "-fPIC", *sources, "-o", "network.so", "-lm"), folder, COMPILE_SECONDS)
    return folder / "network.so"


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes on a microcontroller."""

    own: int
    """Code and constants of the exported file."""
    flash: int
    """The same, linked with what it needs of the C library and the compiler's."""
    stack: int
    """An upper bound, without the C library's: the sum over all functions, as if each called the next."""


def chip_flags(program: Program) -> tuple[str, ...]:
    """How a program is compiled for a microcontroller, besides the flags of its core."""
    return ("-std=c99", OPTIMIZE[program.optimize], "-ffunction-sections", "-fdata-sections")


def cores_here() -> Mapping[str, Sequence[str]]:
    """The microcontrollers that this machine can compile for, with the compiler's flags."""
    return CORES if shutil.which(ARM) else {}


def measure(program: Program, core: Sequence[str]) -> Size | None:
    """The size of a program compiled for a core; None where that fails, for example without a C library for the
    core."""
    try:
        return _measure(program, core)
    except (CheckFailed, DataError):
        return None


def _measure(program: Program, core: Sequence[str]) -> Size:
    name = program.identifier
    entry = f"{name}_classify"
    with written(program) as folder:
        compile_only = (ARM, *core, *chip_flags(program), "-fstack-usage", "-c", f"{name}.c", "-o", "own.o")
        run_tool(compile_only, folder, COMPILE_SECONDS)
        link = (ARM, *core, "own.o", "-o", "linked", "-nostartfiles", "-Wl,--gc-sections")
        run_tool((*link, f"-Wl,-e,{entry}", *libraries(program)), folder, COMPILE_SECONDS)
        frames = [int(line.split("\t")[1]) for line in next(folder.glob("*.su")).read_text().splitlines()]
        return Size(_flash(folder / "own.o"), _flash(folder / "linked"), sum(frames))


def _flash(path: Path) -> int:
    """Bytes of code, constants and initial values in an object file."""
    listing = run_tool((ARM.replace("gcc", "size"), path.name), path.parent, COMPILE_SECONDS)
    text, data = re.findall(r"\d+", listing.splitlines()[1])[:2]
    return int(text) + int(data)


@contextmanager
def written(program: Program) -> Iterator[Path]:
    """A temporary folder with the program's files."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            for name, content in program.files.items():
                (Path(folder) / name).write_bytes(content)
            yield Path(folder)
    except OSError as error:
        raise DataError(f"temporary files: cannot be written: {error.strerror or error}: set TMPDIR") from None


def libraries(program: Program) -> tuple[str, ...]:
    return ("-lm",) if program.needs_libm else ()


def run_tool(command: Sequence[str], folder: Path, seconds: float, stop: StopRequest | None = None) -> str:
    """Runs a command in a folder and returns its stdout. `stop` is the request of the main thread, where this is
    another. Raises `CheckFailed` where the command fails, `Interrupted` after SIGINT or SIGTERM."""
    name = Path(command[0]).name
    with stop_on_signals() as own:
        request = own if stop is None else stop
        try:
            code, out, err = communicate(command, seconds, request, folder)
        except OSError as error:
            raise CheckFailed(f"exported C: `{name}`: {error.strerror or error}") from None
    if request.signal_number is not None:
        raise Interrupted("interrupted", request.signal_number)
    if code == -signal.SIGKILL:
        raise CheckFailed(f"exported C: `{name}` took more than {seconds:.0f} s")
    if code:
        lines = [line for line in err.splitlines() if "error" in line.lower()] or err.splitlines()
        raise CheckFailed(f"exported C: `{name}` fails: {lines[0][:200] if lines else code}")
    return out
