"""A project beside exported C is built and runs as it is."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.command_line import Cli
from tinymnist.data import load_dataset
from tinymnist.export.c.chips import CHIPS
from tinymnist.export.c.compiling import FLAGS, c_compiler

COMPILER = c_compiler()
CXX = shutil.which("c++")
needs_m4 = pytest.mark.skipif(
    bool(CHIPS["cortex-m4"].missing) or not shutil.which("make"), reason="needs make, arm-none-eabi-gcc and QEMU"
)
ARDUINO = """
#include <stdint.h>
struct Port {
    void begin(long) {}
    void print(const char *) {}
    void print(unsigned long) {}
    void println(const char *) {}
};
static Port Serial;
static unsigned long micros() { return 0; }
static void delay(unsigned long) {}
"""


def make(folder: Path, target: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", "-s", target], cwd=folder, capture_output=True, text=True)


@needs_m4
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_make_run_reads_the_example_in_qemu(cli: Cli, small_run: Path, tmp_path: Path, dtype: str) -> None:
    out = tmp_path / "out"
    outcome = cli("export", small_run, "--format", "c", "--dtype", dtype, "--project", "make", "--output", out)
    assert "a project for cortex-m4: `make run` in it builds it, and runs it in QEMU" in outcome.out.splitlines()
    names = ["Makefile", "example.h", "main.c", "memory.ld", "start.c", "tiny3130.c", "tiny3130.h"]
    assert sorted(path.name for path in out.iterdir()) == names
    done = make(out, "run")
    label = (out / "example.h").read_text().splitlines()[0].removeprefix("#define EXAMPLE_CLASS ")
    assert (done.returncode, done.stderr, done.stdout.splitlines()[-1]) == (0, "", label)
    assert make(out, "clean").returncode == 0
    assert sorted(path.name for path in out.iterdir()) == names


@needs_m4
def test_make_run_fails_where_the_example_is_not_read_rightly(cli: Cli, small_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert cli("export", small_run, "--format", "c", "--project", "make", "--output", out).code == 0
    first, rest = (out / "example.h").read_text().split("\n", 1)
    label = int(first.removeprefix("#define EXAMPLE_CLASS "))
    other = (label + 1) % 10
    (out / "example.h").write_text(f"#define EXAMPLE_CLASS {other}\n{rest}")
    done = make(out, "run")
    assert done.returncode != 0
    assert done.stdout.splitlines()[-1] == f"{label}, which is wrong: this is {other}"


@pytest.mark.slow
@pytest.mark.parametrize("core", [core for core, chip in CHIPS.items() if not chip.missing])
def test_a_project_is_for_the_core_that_is_certified(
    cli: Cli, small_run: Path, few: Path, tmp_path: Path, core: str
) -> None:
    out = tmp_path / "out"
    arguments = ["--format", "c", "--dtype", "int8", "--project", "make", "--certify", core, "--output", out]
    outcome = cli("export", small_run, *arguments, "--dataset", few)
    assert f"a project for {core}: " in outcome.out
    assert make(out, "run").returncode == 0


def test_the_example_is_a_test_image(cli: Cli, small_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    cli("export", small_run, "--format", "c", "--project", "make", "--output", out)
    first, _, _, *lines, last = (out / "example.h").read_text().splitlines()
    numbers = [int(number) for number in "".join(lines).split(",")]
    test = load_dataset("mnist-5k").test
    (found,) = [index for index, image in enumerate(test.images) if image.flatten().tolist() == numbers]
    assert (first, last) == (f"#define EXAMPLE_CLASS {test.labels[found]}", "};")


def test_an_arduino_library_compiles_as_the_ide_compiles_it(cli: Cli, small_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["--format", "c", "--dtype", "int8", "--name", "digits", "--project", "arduino", "--output", out]
    outcome = cli("export", small_run, *arguments)
    assert "a library for the Arduino IDE: move it to the folder `libraries` of the sketchbook" in outcome.out
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*.*")) == [
        "examples/Classify/Classify.ino",
        "examples/Classify/example.h",
        "library.properties",
        "src/digits.c",
        "src/digits.h",
    ]
    properties = dict(line.split("=", 1) for line in (out / "library.properties").read_text().splitlines())
    assert (properties["name"], properties["includes"]) == ("digits", "digits.h")
    if COMPILER is None or CXX is None:
        pytest.skip("needs compilers for C and C++")
    subprocess.run([*COMPILER, *FLAGS, "-c", "src/digits.c", "-o", "digits.o"], cwd=out, check=True)
    (out / "Arduino.h").write_text(ARDUINO)
    command = [CXX, "-std=c++11", "-Wall", "-Wextra", "-Werror", "-x", "c++", "-include", "Arduino.h", "-I", "src"]
    sketch = "examples/Classify/Classify.ino"
    subprocess.run([*command, "-fsyntax-only", sketch], cwd=out, check=True)


def test_only_c_comes_as_a_project(cli: Cli, small_run: Path, tmp_path: Path) -> None:
    arguments = ["--format", "html", "--project", "make", "--output", tmp_path / "out"]
    outcome = cli("export", small_run, *arguments)
    assert (outcome.code, outcome.err) == (2, "tinymnist: --project make: is for --format c\n")


@pytest.mark.parametrize(("project", "name"), [("make", "main"), ("make", "start"), ("arduino", "Arduino")])
def test_a_network_takes_the_place_of_no_file(
    cli: Cli, small_run: Path, tmp_path: Path, project: str, name: str
) -> None:
    out = tmp_path / "out"
    outcome = cli("export", small_run, "--format", "c", "--project", project, "--name", name, "--output", out)
    message = f"--project: has files called {name} of its own: give the network another name by --name"
    assert (outcome.code, outcome.out, outcome.err) == (2, "", f"tinymnist: {message}\n")
    assert not out.exists()
