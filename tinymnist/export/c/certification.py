"""Runs an exported program on an emulated microcontroller, over all test images, and compares it with this machine."""

import hashlib
import json
import os
import re
import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tinymnist.data import Dataset
from tinymnist.errors import CheckFailed, UsageError
from tinymnist.export.artifact import public_name
from tinymnist.export.c.chips import CHIPS, PACKAGES, Chip
from tinymnist.export.c.compiling import COMPILE_SECONDS, chip_flags, libraries, run_tool, written
from tinymnist.export.c.program import Program
from tinymnist.export.c.project import linker_script
from tinymnist.export.c.sections import select
from tinymnist.signals import stop_on_signals
from tinymnist.version import __version__

PROGRAM, SOURCE, SCRIPT = "on-chip.elf", "on-chip.c", "on-chip.ld"
"""No network's files have these names: an identifier has no hyphen."""
EMULATOR_SECONDS = 4 * 3600.0
LOOP = 2_000_000
"""Instructions of the loop that `csrc/chip.c` times."""
FEWEST = 100
"""Images for one run of the emulator, which takes a tenth of a second to start."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a program did on the core. Sizes in bytes, of the whole program that was run: the network, what it needs of
    the libraries, and what reads images and writes logits."""

    core: str
    machine: str
    accuracy: float
    images: int
    identical: bool
    """Whether all logits are those of this machine, bit for bit."""
    instructions_per_image: int
    flash: int
    ram: int
    """Data, without the stack: scratch memory, one image and its logits are most of it."""
    stack: int
    """The most that was in use, of the network's own functions."""
    compiler: str
    flags: str
    emulator: str


def refuse_missing_tools(cores: Sequence[str], option: str = "--certify") -> None:
    """Raises `UsageError` where a core's compiler or emulator is not installed. `option` is what names the cores."""
    for core in cores:
        if core not in CHIPS:
            raise UsageError(f"{option} {core}: expects {', '.join(CHIPS)}")
        if missing := CHIPS[core].missing:
            packages = " ".join(PACKAGES[name] for name in missing)
            raise UsageError(
                f"{option} {core}: {' and '.join(missing)} not found: on Debian and Ubuntu, `apt install {packages}`"
            )


def certify(program: Program, core: str, images: Tensor, labels: Tensor, expected: NDArray[Any]) -> Certificate:
    """Compiles the program for a core and runs it on `images` (N, height, width, channels) uint8 in QEMU. `expected`
    are the logits (N, classes) of this machine: whole numbers have to be the same, of float32 the classes.

    Raises `CheckFailed` where they are not, or where the program does not fit or does not run.
    """
    chip = CHIPS[core]
    with written(program) as folder:
        _build(program, chip, folder)
        runs = _run(chip, folder, images)
        logits = np.concatenate([_logits(part, program) for part in runs])
        figures = [struct.unpack("<4Q", (part / "figures").read_bytes()) for part in runs]
        flash, ram = _sizes(chip, folder)
    exact = program.logit_type != "float"
    found = logits.argmax(1)
    differing = (logits != expected).any(1) if exact else found != expected.argmax(1)
    if differing.any():
        raise CheckFailed(
            f"--certify {core}: {int(differing.sum()):,} of {len(images):,} images have other "
            f"{'logits' if exact else 'classes'} there than on this machine"
        )
    return Certificate(
        core=core,
        machine=chip.machine,
        accuracy=100 * int((found == labels.numpy()).sum()) / len(images),
        images=len(images),
        identical=bool((logits == expected).all()),
        instructions_per_image=round(sum(each[1] * LOOP / each[0] for each in figures) / len(images)),
        flash=flash,
        ram=ram,
        stack=max(each[3] for each in figures),
        compiler=_version(chip.compiler),
        flags=" ".join((*chip.flags, *chip_flags(program))),
        emulator=_version(chip.emulator),
    )


def certificate_file(program: Program, dtype: str, data: Dataset, certificates: Sequence[Certificate]) -> bytes:
    """What was certified, as JSON: which files, on which images, and what came of it on each core."""
    content = {
        "tinymnist": __version__,
        "dtype": dtype,
        "sha256": {name: hashlib.sha256(text).hexdigest() for name, text in program.files.items()},
        "dataset": public_name(data.name),
        "data_digest": data.digest,
        "cores": [asdict(each) for each in certificates],
    }
    return (json.dumps(content, indent=2) + "\n").encode()


def _build(program: Program, chip: Chip, folder: Path) -> None:
    name = program.identifier
    words = {"UPPER_": f"{name.upper()}_", "NETWORK_H": f"{name}.h"}
    (folder / SOURCE).write_text(select("chip.c", name, {"certify"}, words), encoding="utf-8")
    (folder / SCRIPT).write_text(linker_script(chip), encoding="utf-8")
    clock = [f"-D{chip.clock}"] if chip.clock else []
    link = ["-nostartfiles", "-T", SCRIPT, "-Wl,--gc-sections", "-o", PROGRAM]
    sources = [SOURCE, f"{name}.c", *libraries(program)]
    run_tool((chip.compiler, *chip.flags, *chip_flags(program), *clock, *link, *sources), folder, COMPILE_SECONDS)


def _run(chip: Chip, folder: Path, images: Tensor) -> list[Path]:
    """Runs the program on a part of the images for each processor here. Returns the folders with what it wrote."""
    parts = min(os.cpu_count() or 1, ceil(len(images) / FEWEST))
    command = [chip.emulator, "-machine", chip.machine, *chip.options, "-kernel", str(folder / PROGRAM)]
    command += ["-display", "none", "-monitor", "none", "-serial", "none", "-parallel", "none", "-icount", "shift=0"]
    command += ["-semihosting-config", "enable=on,target=native"]

    def run(number: int, chosen: Tensor) -> Path:
        part = folder / f"part-{number}"
        part.mkdir()
        (part / "images").write_bytes(chosen.numpy().tobytes())
        run_tool(command, part, EMULATOR_SECONDS, stop)
        return part

    with stop_on_signals() as stop, ThreadPoolExecutor(parts) as pool:
        return [*pool.map(run, range(parts), images.tensor_split(parts))]


def _logits(part: Path, program: Program) -> NDArray[Any]:
    kind = np.float32 if program.logit_type == "float" else np.int32
    return np.fromfile(part / "logits", kind).reshape(-1, program.classes)


def _sizes(chip: Chip, folder: Path) -> tuple[int, int]:
    """Bytes of flash and of RAM that the whole program takes."""
    listing = run_tool((chip.compiler.replace("gcc", "size"), PROGRAM), folder, COMPILE_SECONDS)
    text, data, bss = map(int, re.findall(r"\d+", listing.splitlines()[1])[:3])
    return text + data, data + bss


def _version(tool: str) -> str:
    return run_tool((tool, "--version"), Path(), COMPILE_SECONDS).splitlines()[0]
