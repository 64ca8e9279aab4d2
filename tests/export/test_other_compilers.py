"""Exported programs are C99 and C11 for GCC and clang, and compute the same with 32 bits and the other byte order."""

import shutil
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.export.test_c import BASES, CURVES, POOLED, WINDOWS, for_both, in_all_types, needs_compiler
from tests.support.exported import COMPILER, channels_last
from tinymnist import Spec
from tinymnist.choices import Optimize
from tinymnist.export.c.compiling import FLAGS, compute_logits
from tinymnist.export.c.program import Program


@dataclass(frozen=True)
class Elsewhere:
    """A compiler, and the emulator of its machine where that is another."""

    command: tuple[str, ...]
    standard: str
    emulator: tuple[str, ...] = ()
    swapped: bool = False

    @property
    def missing(self) -> bool:
        return any(shutil.which(tool) is None for tool in (self.command[0], *self.emulator))

    def logits(self, program: Program, images: NDArray[np.uint8]) -> NDArray[np.number]:
        flags = (f"-std={self.standard}", *FLAGS[1:])
        found = compute_logits(program, channels_last(images), self.command, flags, self.emulator)
        return found.byteswap() if self.swapped else found


POWERPC = ("powerpc-linux-gnu-gcc", "-static")
MACHINES = {
    "gcc, C11": Elsewhere(("gcc",), "c11"),
    "clang, C99": Elsewhere(("clang",), "c99"),
    "clang, C11": Elsewhere(("clang",), "c11"),
    "32 bits, big-endian": Elsewhere(POWERPC, "c99", ("qemu-ppc",), swapped=True),
}


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize(
    "machine",
    [
        pytest.param(machine, id=name, marks=pytest.mark.skipif(machine.missing, reason="is not installed"))
        for name, machine in MACHINES.items()
    ],
)
@pytest.mark.parametrize("spec", [CURVES, WINDOWS, BASES, POOLED], ids=lambda spec: spec.name)
@for_both
def test_every_layer_gives_the_same_numbers_by_every_compiler(
    machine: Elsewhere, spec: Spec, optimize: Optimize
) -> None:
    assert COMPILER is not None
    shape = (5, spec.input.channels, spec.input.height, spec.input.width)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    real, *whole = in_all_types(spec, optimize=optimize)
    for program in whole:
        expected = compute_logits(program, channels_last(images), COMPILER)
        assert (machine.logits(program, images) == expected).all(), program.identifier
    np.testing.assert_allclose(
        machine.logits(real, images), compute_logits(real, channels_last(images), COMPILER), rtol=1e-5, atol=1e-5
    )
