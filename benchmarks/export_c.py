"""Measures exported C: instructions per image, flash, RAM and stack on emulated cores, and time per image on this
machine, the best of 15 rounds.

    python benchmarks/export_c.py tiny3130 smooth996
    python benchmarks/export_c.py tiny3130 --cores cortex-m4 riscv32 --dtypes int8
    python benchmarks/export_c.py smooth996 --other smooth996-emx.c

Each network is written for size and for speed, and runs over 20 test images on each core that has a compiler and QEMU
here; it must give what it gives on this machine. Sizes are those of the whole program, with what reads images and
writes logits. `--other` is a C file with `void model(const float image[1][1][28][28], float output[1][10])`, as
emx-onnx-cgen writes it: its time, and its bytes of code and constants. Time is process time, so that other processes
matter little.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path
from typing import get_args

from tinymnist import load_run
from tinymnist.choices import ExportDtype, Optimize
from tinymnist.export.c.certification import certify
from tinymnist.export.c.chips import ARM, CHIPS
from tinymnist.export.c.compiling import CORES, OPTIMIZE, c_compiler, compute_logits
from tinymnist.export.c.program import Program
from tinymnist.export.c.programs import network_program
from tinymnist.training.trained import TrainedNetwork, open_trained

IMAGES = 20
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


def microseconds(source: str, opening: str, optimize: str, headers: dict[str, str]) -> int:
    """The time of an image on this machine."""
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        for name, text in {"net.c": source, "main.c": MAIN % opening, **headers}.items():
            (folder / name).write_text(text)
        command = ["cc", "-std=c99", optimize, "net.c", "main.c", "-o", "program", "-lm"]
        subprocess.run(command, cwd=folder, check=True)
        return int(subprocess.run([folder / "program"], capture_output=True, text=True, check=True).stdout)


def time_here(program: Program) -> int:
    """For size, as most compile it; for speed, as it is meant to be compiled."""
    name = program.identifier
    names = {"name": name, "upper": name.upper(), "element": program.element, "logit": program.logit_type}
    optimize = "-O2" if program.optimize == "size" else OPTIMIZE["speed"]
    return microseconds(program.source, OURS.format(**names), optimize, {f"{name}.h": program.header})


def own_bytes(source: str, core: str) -> int:
    """Code and constants of a C file, compiled for size."""
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        (folder / "net.c").write_text(source)
        subprocess.run([ARM, *CORES[core], "-std=c99", "-Os", "-c", "net.c", "-o", "net.o"], cwd=folder, check=True)
        listing = subprocess.run(["arm-none-eabi-size", "net.o"], cwd=folder, capture_output=True, text=True)
        return int(listing.stdout.splitlines()[1].split()[0])


def show_network(trained: TrainedNetwork, dtypes: list[ExportDtype], cores: list[str]) -> None:
    images = trained.data.test.images[:IMAGES].permute(0, 2, 3, 1).contiguous()
    labels = trained.data.test.labels[:IMAGES]
    for dtype in dtypes:
        for optimize in get_args(Optimize):
            program = network_program(trained, dtype, optimize)
            title = f"{trained.run.spec.name}, {dtype}, {optimize}"
            logits = compute_logits(program, images, c_compiler() or ())
            print(f"{title:28} {'this machine':14} {time_here(program):10,} µs", flush=True)
            for core in cores:
                found = certify(program, core, images, labels, logits)
                sizes = f"{found.flash:8,} {found.ram:8,} {found.stack:8,}"
                print(f"{title:28} {core:14} {found.instructions_per_image:10,} {sizes}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="+", help="runs, or names of packaged networks")
    parser.add_argument("--cores", nargs="*", default=[core for core, chip in CHIPS.items() if not chip.missing])
    parser.add_argument("--dtypes", nargs="*", default=list(get_args(ExportDtype)))
    parser.add_argument("--other", type=Path, help="a C file to measure beside them")
    options = parser.parse_args()
    print(f"{'program':28} {'core':14} {'per image':>10} {'flash':>8} {'RAM':>8} {'stack':>8}")
    for name in options.networks:
        (trained,) = open_trained([load_run(name)])
        show_network(trained, options.dtypes, options.cores)
    if options.other:
        source = options.other.read_text()
        print(f"{options.other.name:28} {'this machine':14} {microseconds(source, OTHER, '-O2', {}):10,} µs")
        for core in CORES:
            print(f"{options.other.name:28} {core:14} {'':10} {own_bytes(source, core):8,}")


if __name__ == "__main__":
    main()
