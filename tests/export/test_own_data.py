"""Networks of one's own pictures are exported as those of MNIST are: in colour, of any size, with class names."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import onnx
import pytest
from numpy.typing import NDArray

from tests.support.command_line import Cli
from tests.support.spots import NAMES, trained_on_shapes
from tinymnist.export.c.compiling import FLAGS, c_compiler, compute_logits
from tinymnist.export.c.labels import c_string, initialiser, label_bytes
from tinymnist.training import Run

COMPILER = c_compiler()
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")


# ---- C


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("cat", '"cat"'),
        ('a "b"', r'"a \"b\""'),
        ("a\\b", r'"a\\b"'),
        ("what??/", r'"what\?\?/"'),
        ("grün2", r'"gr\303\274n2"'),
        ("\x017", r'"\0017"'),
        ("😀", r'"\360\237\230\200"'),
    ],
)
def test_a_name_is_one_c_string_in_ascii(text: str, literal: str) -> None:
    assert c_string(text) == literal


def test_the_longest_name_is_counted_in_bytes_with_its_zero() -> None:
    assert label_bytes(["four", "grün"]) == 6


def test_many_names_are_lines_of_one_macro() -> None:
    lines = initialiser([f"class {number}" for number in range(1000)]).splitlines()
    assert (lines[0], lines[-1][-3:]) == ("{ \\", '" }')
    assert all(line.endswith(" \\") and len(line) <= 118 for line in lines[:-1])


LABELS_MAIN = """\
#include <stdio.h>
#include "spots.h"

static const char *const pointers[SPOTS_CLASSES] = SPOTS_LABELS;
static const char arrays[SPOTS_CLASSES][SPOTS_LABEL_BYTES] = SPOTS_LABELS;

int main(void)
{
    for (int c = 0; c < SPOTS_CLASSES; c++)
        printf("%s\\n%s\\n", pointers[c], arrays[c]);
    return 0;
}
"""


@needs_compiler
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_c_of_colours_is_verified_and_names_its_classes(cli: Cli, colours: Run, tmp_path: Path, dtype: str) -> None:
    out = tmp_path / "out"
    arguments = ["--format", "c", "--dtype", dtype, "--output", out, "--json"]
    facts = json.loads(cli("export", colours.path, *arguments).out)["facts"]
    assert (facts["verified"], facts["n"], facts["accuracy"]) == (True, 20, colours.result.accuracy)
    assert "#define SPOTS_PIXELS 1440 /* 20x24, row by row, each red, green, blue */" in (out / "spots.h").read_text()
    assert "spots: pixels of 0 to 255 to scores of 4 classes." in (out / "spots.h").read_text()
    (out / "main.c").write_text(LABELS_MAIN)
    assert COMPILER is not None
    subprocess.run([*COMPILER, *FLAGS, "main.c", "-o", "main"], cwd=out, check=True)
    printed = subprocess.run([out / "main"], capture_output=True, check=True).stdout.decode().splitlines()
    assert printed == [name for name in colours.class_names for _ in range(2)]
    assert sorted(printed[::2]) == sorted(NAMES)


@needs_compiler
def test_labels_that_nobody_uses_cost_nothing(cli: Cli, colours: Run, tmp_path: Path) -> None:
    cli("export", colours.path, "--format", "c", "--output", tmp_path / "out")
    assert "rfel" not in (tmp_path / "out" / "spots.c").read_text()


@needs_compiler
@pytest.mark.parametrize(("lost", "code"), [(3, 0), (4, 1)])
def test_of_few_test_images_int8_may_cost_three(
    cli: Cli, colours: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: int, code: int
) -> None:
    def some_wrong(*arguments: Any) -> NDArray[Any]:
        logits = compute_logits(*arguments)
        logits[range(lost), logits[:lost].argmax(1)] = logits.min() - 1
        return logits

    assert colours.result.accuracy == 100
    monkeypatch.setattr("tinymnist.export.c.api.compute_logits", some_wrong)
    outcome = cli("export", colours.path, "--format", "c", "--dtype", "int8", "--output", tmp_path / "out")
    error = "tinymnist: --dtype int8: costs more than 3 images: 80.00 % of the 20 test images"
    assert (outcome.code, outcome.err[: len(error)]) == (code, error if code else "")


# ---- ONNX


@pytest.mark.parametrize(
    "options",
    [
        pytest.param([], id="plain", marks=pytest.mark.slow),
        pytest.param(["--with-preprocessing", "--folded"], id="with pixels as input"),
    ],
)
def test_onnx_of_colours_is_verified_and_names_its_classes(
    cli: Cli, colours: Run, tmp_path: Path, options: list[str]
) -> None:
    out = tmp_path / "out"
    content = json.loads(cli("export", colours.path, "--format", "onnx", *options, "--output", out, "--json").out)
    assert content["facts"]["input_shape"] == "(n, 3, 20, 24)"
    assert (content["facts"]["n"], content["facts"]["accuracy"]) == (20, colours.result.accuracy)
    metadata = {entry.key: entry.value for entry in onnx.load(out / "spots.onnx").metadata_props}
    assert json.loads(metadata["labels"]) == list(colours.class_names)
    assert (metadata["channels"], metadata["trained_on"]) == ("RGB", "shapes")


# ---- every format, in other sizes


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize(
    ("channels", "height", "width", "classes"),
    [(3, 64, 64, 3), (3, 96, 96, 4), (1, 28, 28, 47), (1, 11, 96, 2)],
    ids=lambda value: str(value),
)
def test_every_format_of_other_sizes_is_verified(
    cli: Cli, tmp_path: Path, channels: int, height: int, width: int, classes: int
) -> None:
    run = trained_on_shapes(tmp_path, [f"class {number}" for number in range(classes)], channels, height, width)
    for name, options in (
        ("float32", ["c"]),
        ("int8", ["c", "--dtype", "int8"]),
        ("onnx", ["onnx"]),
        ("html", ["html"]),
    ):
        outcome = cli("export", run.path, "--output", tmp_path / name, "--json", "--format", *options)
        assert outcome.code == 0, outcome.err
        assert json.loads(outcome.out)["facts"]["n"] == 5 * classes


@pytest.mark.slow
@needs_compiler
def test_benchmark_measures_a_network_of_colours(cli: Cli, colours: Run) -> None:
    rows = json.loads(cli("benchmark", colours.path, "--json").out)["rows"]
    assert [(row["accuracy"], row["problem"]) for row in rows] == [(colours.result.accuracy, None)] * 5


@pytest.mark.parametrize("form", ["c", pytest.param("onnx", marks=pytest.mark.slow), "html"])
def test_a_record_of_other_classes_than_the_networks_is_damage(
    cli: Cli, colours: Run, tmp_path: Path, form: str
) -> None:
    run = tmp_path / "run"
    shutil.copytree(colours.path, run)
    record = json.loads((run / "environment.json").read_text())
    record["data"]["class_names"].pop()
    (run / "environment.json").write_text(json.dumps(record))
    outcome = cli("export", run, "--format", form, "--output", tmp_path / "out")
    expected = f"tinymnist: {run}: damaged (it names 3 classes, its network has 4): copy the run again\n"
    assert (outcome.code, outcome.out, outcome.err) == (3, "", expected)
