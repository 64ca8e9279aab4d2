"""Measures exported C: bytes on microcontrollers, and time per image on this machine, the best of 15 rounds.

    python benchmarks/export_c.py smooth996 tiny3130
    python benchmarks/export_c.py smooth996 --other smooth996-emx.c

Each network is compiled as exported, and again with every function inlined. `--other` is a C file with
`void model(const float image[1][1][28][28], float output[1][10])`, as emx-onnx-cgen writes it. Needs `cc` and
`arm-none-eabi-gcc`. Time is process time, so that other processes matter little.
"""

import argparse
import re
import subprocess
import tempfile
from pathlib import Path

from tinymnist import load_run
from tinymnist.data import load_dataset
from tinymnist.export.c.calibration import calibration_images, find_ranges
from tinymnist.export.c.chips import ARM
from tinymnist.export.c.compiling import CORES
from tinymnist.export.c.float32 import float32_program
from tinymnist.export.c.int8 import int8_program
from tinymnist.export.c.program import Program
from tinymnist.export.c.quantization import quantize
from tinymnist.export.folding import fold

OTHER = """
void model(const float image[1][1][28][28], float output[1][10]);
static float pixels[1][1][28][28], logits[1][10];
#define CALL for (int i = 0; i < 784; i++) pixels[0][0][i / 28][i % 28] = image[i] / 255.0f; model(pixels, logits)
#define SCORE logits[0][0]
"""
OURS = """
#include "{name}.h"
static {element} scratch[{upper}_SCRATCH];
static {logit} logits[{upper}_CLASSES];
#define CALL {name}_logits(image, logits, scratch)
#define SCORE logits[0]
"""
MAIN = """
#include <stdint.h>
#include <stdio.h>
#include <time.h>
%s
int main(void)
{
    static uint8_t image[784];
    double best = 1e9, sum = 0;
    uint32_t noise = 1;
    for (int round = 0; round < 15; round++) {
        const clock_t begun = clock();
        for (int n = 0; n < 200; n++) {
            for (int i = 0; i < 784; i++) {
                noise = noise * 1664525u + 1013904223u;
                image[i] = (uint8_t)(noise >> 24);
            }
            CALL;
            sum += (double)SCORE;
        }
        const double seconds = (double)(clock() - begun) / CLOCKS_PER_SEC / 200;
        best = seconds < best ? seconds : best;
    }
    printf("%%.0f\\n", best * 1e6);
    return sum == 0.5;
}
"""


def measure(source: str, opening: str, header: tuple[str, str] | None = None) -> tuple[int, int, int]:
    """Microseconds per image, and bytes of code and constants on each core."""
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        (folder / "net.c").write_text(source)
        (folder / "main.c").write_text(MAIN % opening)
        if header:
            (folder / header[0]).write_text(header[1])
        subprocess.run(["cc", "-std=c99", "-O2", "net.c", "main.c", "-o", "program", "-lm"], cwd=folder, check=True)
        time = int(subprocess.run([folder / "program"], capture_output=True, text=True).stdout)
        sizes = []
        for flags in CORES.values():
            command = [ARM, *flags, "-std=c99", "-Os", "-c", "net.c", "-o", "net.o"]
            subprocess.run(command, cwd=folder, check=True)
            listing = subprocess.run(["arm-none-eabi-size", "net.o"], cwd=folder, capture_output=True, text=True)
            sizes.append(int(listing.stdout.splitlines()[1].split()[0]))
        return time, sizes[0], sizes[1]


def inlined(source: str) -> str:
    return re.sub(
        r"^static (void|uint8_t|int32_t) ", r"static inline __attribute__((always_inline)) \1 ", source, flags=re.M
    )


def measure_program(program: Program, *, inline: bool) -> tuple[int, int, int]:
    name = program.identifier
    names = {"name": name, "upper": name.upper(), "element": program.element, "logit": program.logit_type}
    source = inlined(program.source) if inline else program.source
    return measure(source, OURS.format(**names), (f"{name}.h", program.header))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="+", help="runs, or names of packaged networks")
    parser.add_argument("--other", type=Path, help="a C file to measure beside them")
    options = parser.parse_args()
    train = load_dataset("mnist").train
    print(f"{'program':34}     us/image  Cortex-M4  Cortex-M0+")
    for name in options.networks:
        run = load_run(name)
        network = fold(run.spec, run.load_model())
        ranges = find_ranges(network, calibration_images(train))
        for dtype, program in (
            ("float32", float32_program(network)),
            ("int8", int8_program(network, quantize(network, ranges))),
        ):
            for inline in (False, True):
                time, m4, m0 = measure_program(program, inline=inline)
                title = f"{name}, {dtype}{', inlined' if inline else ''}"
                print(f"{title:34}  {time:11,}  {m4:9,}  {m0:10,}", flush=True)
    if options.other:
        time, m4, m0 = measure(options.other.read_text(), OTHER)
        print(f"{options.other.name:34}  {time:11,}  {m4:9,}  {m0:10,}")


if __name__ == "__main__":
    main()
