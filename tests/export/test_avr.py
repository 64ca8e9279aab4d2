"""C in whole numbers on a processor whose `int` has 16 bits: an ATmega1284P, emulated by simavr."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.export.test_c import BASES, CURVES, POOLED, WINDOWS, for_both, in_all_types, needs_compiler
from tests.support.exported import COMPILER, channels_last
from tinymnist import Spec
from tinymnist.choices import Optimize
from tinymnist.export.c.compiling import compute_logits
from tinymnist.export.c.program import Program

MISSING = [tool for tool in ("avr-gcc", "simavr") if shutil.which(tool) is None]
MAIN = """
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/pgmspace.h>
#include <avr/sleep.h>
#include <stdlib.h>
#include "NAME.h"

static const uint8_t images[][UPPER_PIXELS] PROGMEM = {IMAGES};
static uint8_t image[UPPER_PIXELS];
static NAME_element scratch[UPPER_SCRATCH];
static NAME_logit logits[UPPER_CLASSES];

static void put(char c)
{
    while (!(UCSR0A & (1 << UDRE0)))
        ;
    UDR0 = (uint8_t)c;
}

int main(void)
{
    UCSR0B = 1 << TXEN0;
    for (unsigned n = 0; n < sizeof images / sizeof *images; n++) {
        memcpy_P(image, images[n], sizeof image);
        NAME_logits(image, logits, scratch);
        for (int c = 0; c < UPPER_CLASSES; c++) {
            char text[12];
            put('=');
            for (const char *at = ltoa(logits[c], text, 10); *at; at++)
                put(*at);
            put('\\n');
        }
    }
    cli();
    sleep_mode(); /* with interrupts off, simavr ends */
    return 0;
}
"""


def logits_on_avr(program: Program, images: NDArray[np.uint8], folder: Path) -> NDArray[np.int64]:
    rows = ",".join(f"{{{','.join(map(str, image.ravel()))}}}" for image in channels_last(images).numpy())
    name = program.identifier
    main = MAIN.replace("IMAGES", rows).replace("UPPER", name.upper()).replace("NAME", name)
    for file, text in {f"{name}.h": program.header, "net.c": program.source, "main.c": main}.items():
        (folder / file).write_text(text)
    warnings = ("-std=gnu99", "-Wall", "-Wextra", "-Werror")  # GNU: for avr-libc
    command = ["avr-gcc", "-mmcu=atmega1284p", "-Os", *warnings, "main.c", "net.c", "-o", "net.elf"]
    subprocess.run(command, cwd=folder, check=True, timeout=120)
    emulator = ["simavr", "-m", "atmega1284p", "-f", "16000000", "net.elf"]
    done = subprocess.run(emulator, cwd=folder, capture_output=True, text=True, timeout=300)
    found = [int(number) for number in re.findall(r"=(-?\d+)", done.stdout + done.stderr)]
    return np.array(found).reshape(len(images), -1)


@pytest.mark.slow
@needs_compiler
@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
@pytest.mark.parametrize("spec", [CURVES, WINDOWS, BASES, POOLED], ids=lambda spec: spec.name)
@for_both
def test_the_integers_are_those_of_this_machine(spec: Spec, optimize: Optimize, tmp_path: Path) -> None:
    assert COMPILER is not None
    shape = (3, spec.input.channels, spec.input.height, spec.input.width)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    for program in in_all_types(spec, optimize=optimize)[1:]:
        expected = compute_logits(program, channels_last(images), COMPILER)
        assert (logits_on_avr(program, images, tmp_path) == expected).all(), program.identifier
