"""`benchmark`: every format measured, or the reason why not."""

import json
import re
from pathlib import Path

import pytest

from tests.support.command_line import Cli
from tinymnist import benchmark, load_run
from tinymnist.export.c.chips import CHIPS

FORMATS = ["pytorch", "onnx", "onnx, folded", "c, float32", "c, int8"]


@pytest.mark.slow
def test_every_format_is_measured(cli: Cli, mnist_dir: Path) -> None:
    content = json.loads(cli("benchmark", "smooth675", "--data-dir", mnist_dir, "--json").out)
    assert (content["dataset"], content["n"]) == ("mnist", 10_000)
    rows = content["rows"]
    accuracy = load_run("smooth675").result.accuracy
    assert [row["format"] for row in rows] == FORMATS
    assert all(row["problem"] is None and row["bytes"] > 0 for row in rows)
    assert [abs(row["accuracy"] - accuracy) < 0.3 for row in rows] == [True] * 5
    assert all(0 < row["latency"] < 1 and row["images_per_second"] > 0 for row in rows)


@pytest.mark.slow
def test_what_cannot_be_had_here_says_why(cli: Cli, mnist_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "c_compiler", lambda: None)
    monkeypatch.setattr(benchmark, "_onnx", lambda trained, folded: benchmark._c(trained, "float32"))
    lines = cli("benchmark", "smooth675", "--data-dir", mnist_dir).out.splitlines()
    assert lines[0] == "smooth675, 675 parameters, on the 10,000 test images of mnist, one thread"
    assert re.fullmatch(r"pytorch +6,\d{3} +98\.\d\d % +[\d,]+ µs +[\d,]+", lines[2])
    assert [line[14:] for line in lines[3:]] == ["not measured: no C compiler here (CC, or cc)"] * 4


def test_training_images_are_refused(cli: Cli) -> None:
    outcome = cli("benchmark", "smooth675", "--dataset", "mnist-5k")
    assert (outcome.code, "so it may know images of mnist-5k that are scored" in outcome.err) == (2, True)


@pytest.mark.slow
@pytest.mark.skipif(bool(CHIPS["cortex-m4"].missing), reason="needs arm-none-eabi-gcc and qemu-system-arm")
def test_each_form_of_the_program_runs_on_the_core(cli: Cli, mnist_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "benchmark", lambda trained: [])  # it takes long, and is tested above
    arguments = ["benchmark", "smooth675", "--data-dir", mnist_dir, "--core", "cortex-m4", "--clock", 64]
    content = json.loads(cli(*arguments, "--json").out)
    forms = [(dtype, optimize) for dtype in ("float32", "int8") for optimize in ("size", "speed")]
    rows = content["core_rows"]
    assert [(row["core"], row["dtype"], row["optimize"], row["problem"]) for row in rows] == [
        ("cortex-m4", *form, None) for form in forms
    ]
    assert content["clock"] == 64
    small, fast = rows[2:]
    assert 2 * fast["instructions_per_image"] < small["instructions_per_image"]
    assert small["flash"] < fast["flash"]
    lines = cli(*arguments).out.splitlines()
    assert lines[3].endswith("on 20 images in QEMU; times at 64 MHz, if each instruction takes one cycle")
    assert [line.split()[:3] for line in lines[5:]] == [["cortex-m4", *form] for form in forms]
    milliseconds = fast["instructions_per_image"] / 64 / 1000
    assert lines[-1].split()[3:] == [
        *(f"{fast[key]:,}" for key in ("instructions_per_image", "flash", "ram", "stack")),
        f"{milliseconds:.1f}",
        "ms",
    ]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--clock", 64], "tinymnist: --clock: needs a --core\n"),
        (
            ["--core", "cortex-m9"],
            "tinymnist: --core cortex-m9: expects cortex-m0plus, cortex-m4, cortex-m33, riscv32\n",
        ),
        (
            ["--core", "cortex-m4", "--clock", "inf"],
            "tinymnist: Invalid value for '--clock': must be at most 100000 (see tinymnist benchmark --help)\n",
        ),
    ],
    ids=["clock alone", "unknown core", "no clock"],
)
def test_a_core_that_cannot_be_measured_is_refused_first(cli: Cli, arguments: list[object], line: str) -> None:
    outcome = cli("benchmark", "smooth675", *arguments)
    assert (outcome.code, outcome.out, outcome.err) == (2, "", line)
