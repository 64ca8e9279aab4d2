"""Microcontrollers: how programs are compiled for their cores, and which machine of QEMU has such a core."""

import shutil
from dataclasses import dataclass

ARM = "arm-none-eabi-gcc"
RISCV = "riscv64-unknown-elf-gcc"
PACKAGES = {
    ARM: "gcc-arm-none-eabi libnewlib-arm-none-eabi",
    RISCV: "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf",
    "qemu-system-arm": "qemu-system-arm",
    "qemu-system-riscv32": "qemu-system-misc",
}
"""What Debian and Ubuntu call that which brings each program."""


@dataclass(frozen=True, slots=True)
class Chip:
    """A core, and an emulated machine around it."""

    compiler: str
    flags: tuple[str, ...]
    emulator: str
    machine: str
    options: tuple[str, ...]
    """Of the emulator, besides the machine."""
    flash: tuple[int, int]
    """Address and bytes of the memory for code and constants, in this machine."""
    ram: tuple[int, int]
    clock: str = ""
    """Definition of the timer's address in `csrc/chip.c`; none where the core counts its instructions."""

    @property
    def missing(self) -> list[str]:
        """The programs that are not here."""
        return [name for name in (self.compiler, self.emulator) if shutil.which(name) is None]


CHIPS = {
    "cortex-m0plus": Chip(
        ARM,
        ("-mcpu=cortex-m0plus", "-mthumb"),
        "qemu-system-arm",
        "microbit",  # a Cortex-M0, which has the same instructions
        ("-global", f"nrf51-soc.sram-size={256 << 10}"),
        (0, 256 << 10),
        (0x20000000, 256 << 10),
        "NRF51_TIMER=0x40008000",
    ),
    "cortex-m4": Chip(
        ARM,
        ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"),
        "qemu-system-arm",
        "mps2-an386",
        (),
        (0, 4 << 20),
        (0x20000000, 4 << 20),
        "CMSDK_TIMER=0x40000000",
    ),
    "cortex-m33": Chip(
        ARM,
        ("-mcpu=cortex-m33", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"),
        "qemu-system-arm",
        "mps2-an505",
        (),
        (0x10000000, 4 << 20),
        (0x38000000, 2 << 20),
        "CMSDK_TIMER=0x50000000",
    ),
    "riscv32": Chip(
        RISCV,
        ("-march=rv32imac", "-mabi=ilp32", "--specs=picolibc.specs"),
        "qemu-system-riscv32",
        "virt",
        ("-bios", "none"),
        (0x80000000, 4 << 20),
        (0x80400000, 4 << 20),
    ),
}
