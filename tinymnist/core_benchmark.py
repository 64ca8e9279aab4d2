"""What a trained network costs on a microcontroller: each form of its C program is run on an emulated core."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from tinymnist.choices import ExportDtype, Optimize
from tinymnist.errors import CheckFailed, UsageError
from tinymnist.export.c.certification import certify, refuse_missing_tools
from tinymnist.export.c.compiling import c_compiler, compute_logits
from tinymnist.export.c.programs import measured_dtypes, network_program
from tinymnist.training.trained import TrainedNetwork

IMAGES = 20
"""The first test images. The number of instructions hardly varies from image to image, and float32 takes an emulated
core without a floating-point unit a tenth of a second per image."""


@dataclass(frozen=True, slots=True)
class CoreRow:
    """One form of the program on one core: instructions per image, and bytes of the whole program, with what reads
    images and writes logits.

    Where there is no such program, `problem` says why, and there are no figures.
    """

    core: str
    dtype: str
    optimize: str
    instructions_per_image: int = 0
    flash: int = 0
    ram: int = 0
    stack: int = 0
    problem: str | None = None


def refuse_cores(cores: Sequence[str]) -> None:
    """Raises `UsageError` where programs cannot be run on a core here."""
    refuse_missing_tools(cores, "--core")
    if cores and c_compiler() is None:
        raise UsageError("--core: needs a C compiler for this machine too, to compare with: install cc, or set CC")


def benchmark_cores(trained: TrainedNetwork, cores: Sequence[str]) -> list[CoreRow]:
    """Runs a network on `cores` in QEMU, in float32 and in whole numbers, for size and for speed. It has to give what
    it gives on this machine. Raises as `refuse_cores`."""
    refuse_cores(cores)
    if not cores:
        return []
    forms = [(dtype, optimize) for dtype in measured_dtypes(trained) for optimize in get_args(Optimize)]
    rows = [row for dtype, optimize in forms for row in _rows(trained, cores, dtype, optimize)]
    return sorted(rows, key=lambda row: cores.index(row.core))


def _rows(trained: TrainedNetwork, cores: Sequence[str], dtype: ExportDtype, optimize: Optimize) -> list[CoreRow]:
    images = trained.data.test.images[:IMAGES].permute(0, 2, 3, 1).contiguous()
    labels = trained.data.test.labels[:IMAGES]
    try:
        program = network_program(trained, dtype, optimize)
        logits = compute_logits(program, images, c_compiler() or ())
        found = [certify(program, core, images, labels, logits) for core in cores]
    except (CheckFailed, UsageError) as error:
        return [CoreRow(core, dtype, optimize, problem=str(error)) for core in cores]
    return [
        CoreRow(each.core, dtype, optimize, each.instructions_per_image, each.flash, each.ram, each.stack)
        for each in found
    ]
