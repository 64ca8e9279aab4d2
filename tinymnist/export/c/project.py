"""Files around an exported program, with which it can be built and run at once."""

import textwrap
from collections.abc import Mapping

from torch import Tensor

from tinymnist.choices import Project
from tinymnist.errors import UsageError
from tinymnist.export.c.chips import CHIPS, Chip
from tinymnist.export.c.compiling import chip_flags, libraries
from tinymnist.export.c.constants import WIDTH
from tinymnist.export.c.program import Program
from tinymnist.export.c.sections import select

FIRST_CORE = "cortex-m4"
SEMIHOSTING = (
    "-display none -monitor none -serial none -chardev stdio,id=here "
    "-semihosting-config enable=on,target=native,chardev=here"
)
"""What the program says comes out of the emulator's standard output."""


TAKEN = ("arduino", "example", "main", "start")
"""Names of files in a project, or that a sketch includes."""


def project_files(program: Program, project: Project, core: str, image: Tensor, label: int) -> dict[str, bytes]:
    """The program's files and those around them, by their paths. `image` (height, width, channels) uint8 is an example,
    which the network takes for the class `label`.

    `make` is for a core in QEMU: `make run` builds and runs it. `arduino` is a library for the Arduino IDE, with a
    sketch. Raises `UsageError` for a network with the name of one of their own files.
    """
    name = program.identifier
    if name.lower() in TAKEN:
        raise UsageError(f"--project: has files called {name} of its own: give the network another name by --name")
    words = {"NETWORK_H": f"{name}.h", "UPPER_": f"{name.upper()}_"}
    example = _example(program, image, label)
    if project == "arduino":
        files: Mapping[str, str | bytes] = {
            "library.properties": PROPERTIES.format(name=name, boards=BOARDS[program.element]),
            **{f"src/{file}": content for file, content in program.files.items()},
            "examples/Classify/Classify.ino": select("sketch.ino", name, set(), words),
            "examples/Classify/example.h": example,
        }
    else:
        chip = CHIPS[core]
        files = {
            **program.files,
            "main.c": select("main.c", name, set(), words),
            "example.h": example,
            "start.c": select("chip.c", name, {"project"}, words),
            "memory.ld": linker_script(chip),
            "Makefile": _makefile(program, chip),
        }
    return {path: content.encode() if isinstance(content, str) else content for path, content in files.items()}


def linker_script(chip: Chip) -> str:
    """Where code and data lie in the memory of an emulated machine."""
    memory = dict(zip(("FLASH_AT", "FLASH_SIZE", "RAM_AT", "RAM_SIZE"), (*chip.flash, *chip.ram), strict=True))
    return select("chip.ld", "", set(), {word: hex(number) for word, number in memory.items()})


def _example(program: Program, image: Tensor, label: int) -> str:
    numbers = textwrap.wrap(", ".join(map(str, image.flatten().tolist())), WIDTH)
    body = "\n".join(f"    {line}" for line in numbers)
    size = f"{program.identifier.upper()}_PIXELS"
    return f"#define EXAMPLE_CLASS {label}\n\nstatic const uint8_t example[{size}] = {{\n{body}\n}};\n"


def _makefile(program: Program, chip: Chip) -> str:
    return MAKEFILE.format(
        name=program.identifier,
        compiler=chip.compiler,
        core=" ".join(chip.flags),
        flags=" ".join(chip_flags(program)),
        libraries=" ".join(("", *libraries(program))),
        size=chip.compiler.replace("gcc", "size"),
        emulator=" ".join((chip.emulator, "-machine", chip.machine, *chip.options, SEMIHOSTING)),
    )


MAKEFILE = """\
CC = {compiler}
CORE = {core}
CFLAGS = {flags} -Wall -Wextra
LDFLAGS = -nostartfiles -T memory.ld -Wl,--gc-sections

{name}.elf: main.c start.c {name}.c {name}.h example.h memory.ld
\t$(CC) $(CORE) $(CFLAGS) $(LDFLAGS) -o $@ main.c start.c {name}.c{libraries}
\t{size} $@

run: {name}.elf
\t{emulator} -kernel $<

clean:
\trm -f {name}.elf

.PHONY: run clean
"""

BOARDS = {"float": "For boards whose int has 32 bits.", "uint8_t": "It computes in whole numbers."}
PROPERTIES = """\
name={name}
version=1.0.0
author=tinymnist
maintainer=tinymnist
sentence=A tiny image classifier.
paragraph=Written by tinymnist for one trained network. {boards}
category=Data Processing
url=
architectures=*
includes={name}.h
"""
