"""Exported C computes the same numbers as the network, in little memory, for every network of the language."""

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import replace
from math import prod
from operator import eq
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis.strategies import sampled_from
from torch.nn import functional

from tests.support.command_line import ROOT, Cli
from tests.support.exported import (
    channels_last,
    difference_of_float32,
    difference_of_integers,
    folded,
    images_for,
)
from tests.support.int8_reference import whole_logits
from tests.support.specs import ACTIVATIONS, specs
from tinymnist import Spec, build_model, load_run
from tinymnist.choices import Optimize, WholeDtype
from tinymnist.data import load_dataset
from tinymnist.errors import UsageError
from tinymnist.export.c import compiling, verification
from tinymnist.export.c.chips import ARM
from tinymnist.export.c.compiling import FLAGS, c_compiler, compute_logits
from tinymnist.export.c.float32 import float32_program
from tinymnist.export.c.integer import integer_program
from tinymnist.export.c.program import Program, identifier
from tinymnist.export.c.scratch import plan_scratch
from tinymnist.folded.folding import fold
from tinymnist.folded.network import GroupNorm, Network
from tinymnist.model.pixels import normalized
from tinymnist.quantization.gates import gate_below, gate_offset, gate_peak, gate_table
from tinymnist.quantization.scheme import quantize

COMPILER = c_compiler()
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")
PACKAGED = ("shared986", "smooth1938", "smooth3092", "smooth675", "smooth996", "tiny3130")
for_both = pytest.mark.parametrize("optimize", ["size", "speed"])
SANITIZERS = (*FLAGS, "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")

CURVES = Spec.model_validate(
    {
        "name": "every-activation",
        "input": {"channels": 2, "height": 9, "width": 7},
        "classes": 3,
        "blocks": [
            {"convs": [{"out_channels": 4, "activation": name} for name in ACTIVATIONS]},
            {"convs": [{"out_channels": 4, "norm": {"kind": "batch"}}], "residual": "identity", "pool": "max"},
        ],
    }
)
WINDOWS = Spec.model_validate(
    {
        "name": "every-window",
        "input": {"channels": 2, "height": 19, "width": 16},
        "classes": 3,
        "blocks": [
            {
                "convs": [{"out_channels": 4, "kernel_size": [1, 3], "groups": 2, "activation": "none"}],
                "pool": {"kind": "average", "kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
            },
            {
                "convs": [{"kind": "depthwise", "out_channels": 8, "stride": [1, 2], "activation": "leaky_relu"}],
                "pool": {"kind": "max", "kernel_size": [3, 2], "stride": 1, "padding": 1},
            },
            {
                "convs": [{"kind": "separable", "out_channels": 8, "activation": "none"}],
                "repeat": 2,
                "share_weights": True,
                "residual": {"kind": "projection", "activation": "silu"},
                "pool": {"kind": "max", "kernel_size": 2, "ceil_mode": True},
            },
        ],
    }
)
BASES = Spec.model_validate(
    {
        "name": "every-basis",
        "input": {"channels": 2, "height": 13, "width": 12},
        "classes": 3,
        "bases": {"wide": {"filters": 3, "kernel_size": [5, 3]}},
        "defaults": {"basis": "wide"},
        "blocks": [
            {
                "convs": [
                    12,
                    {"out_channels": 16, "groups": 2, "stride": [1, 2], "padding": [3, 0], "activation": "silu"},
                    {"out_channels": 16, "dilation": [1, 2], "padding": 2, "norm": "none"},
                    {"out_channels": 8, "basis": 2, "activation": "leaky_relu"},
                ]
            },
            {"convs": [8], "repeat": 2, "share_weights": True, "residual": "identity"},
            {"convs": [2]},
        ],
    }
)
POOLED = Spec.model_validate(
    {
        "name": "pooled",
        "input": {"channels": 1, "height": 9, "width": 8},
        "classes": 5,
        "blocks": [{"convs": [{"out_channels": 5, "activation": "tanh"}]}],
        "head": {"kind": "global_pool"},
    }
)


def has_group_norm(network: Network) -> bool:
    return any(isinstance(step, GroupNorm) for step in network.steps)


@needs_compiler
@pytest.mark.parametrize("spec", [CURVES, WINDOWS, BASES, POOLED], ids=lambda spec: spec.name)
@for_both
def test_float32_computes_what_the_network_does(spec: Spec, optimize: Optimize) -> None:
    assert difference_of_float32(folded(spec), FLAGS, optimize) < 1e-5


@needs_compiler
@pytest.mark.parametrize("outputs", range(1, 6))
def test_any_number_of_outputs_compiles_for_speed_with_sanitizers(outputs: int) -> None:
    image = {"channels": 1, "height": 1, "width": 1}
    spec = Spec.model_validate({"name": "n", "input": image, "classes": 2, "blocks": [{"convs": [outputs]}]})
    assert difference_of_integers(folded(spec), SANITIZERS, "speed") == 0


@needs_compiler
def test_a_hidden_layer_takes_no_memory_for_windows() -> None:
    head = {"kind": "linear", "hidden": [5]}
    content = {"name": "n", "classes": 2, "blocks": [{"convs": [4]}], "head": head}
    int8 = in_whole_numbers(Spec.model_validate(content), "int8")
    assert "int16_t numbers[9];" in int8.source  # the 3x3 window of a grey image
    assert difference_of_integers(folded(Spec.model_validate(content)), FLAGS) == 0


@needs_compiler
@pytest.mark.parametrize("dtype", get_args(WholeDtype))
@for_both
def test_a_network_without_windows_compiles(dtype: WholeDtype, optimize: Optimize) -> None:
    image = {"channels": 1, "height": 4, "width": 4}
    conv = {"out_channels": 3, "kernel_size": 4, "padding": 0}
    spec = Spec.model_validate({"name": "n", "input": image, "classes": 2, "blocks": [{"convs": [conv]}]})
    assert difference_of_integers(folded(spec), FLAGS, optimize, dtype) == 0


@needs_compiler
def test_float32_has_group_norm() -> None:
    norm = {"kind": "group", "groups": 2}
    block = {"convs": [{"out_channels": 6, "norm": norm}, {"out_channels": 4, "norm": norm, "activation": "elu"}]}
    assert (
        difference_of_float32(folded(Spec.model_validate({"name": "x", "classes": 2, "blocks": [block]})), FLAGS) < 1e-5
    )


@needs_compiler
@pytest.mark.parametrize("spec", [CURVES, WINDOWS, BASES, POOLED], ids=lambda spec: spec.name)
@pytest.mark.parametrize("dtype", get_args(WholeDtype))
@for_both
def test_whole_numbers_are_those_of_the_scheme(spec: Spec, dtype: WholeDtype, optimize: Optimize) -> None:
    assert difference_of_integers(folded(spec), FLAGS, optimize, dtype) == 0


@needs_compiler
@settings(max_examples=3, deadline=None, derandomize=True)
@given(specs())
def test_float32_of_a_few_random_networks(spec: Spec) -> None:
    assert difference_of_float32(folded(spec), FLAGS) < 1e-4


@needs_compiler
@settings(max_examples=3, deadline=None, derandomize=True)
@given(specs())
def test_int8_of_a_few_random_networks(spec: Spec) -> None:
    network = folded(spec)
    assume(not has_group_norm(network))
    assert difference_of_integers(network, FLAGS) == 0


@pytest.mark.slow
@needs_compiler
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(specs(), sampled_from(["size", "speed"]), sampled_from(get_args(WholeDtype)))
def test_random_networks_in_both_types_with_sanitizers(spec: Spec, optimize: Optimize, dtype: WholeDtype) -> None:
    network = folded(spec)
    assert difference_of_float32(network, SANITIZERS, optimize) < 1e-4
    if not has_group_norm(network):
        assert difference_of_integers(network, SANITIZERS, optimize, dtype) == 0


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize("name", PACKAGED)
def test_packaged_networks_read_the_real_test_set_as_pytorch_does(
    cli: Cli, tmp_path: Path, mnist_dir: Path, name: str
) -> None:
    for dtype, most_changed in (("float32", 0), ("int8", 40)):
        arguments = ["--format", "c", "--dtype", dtype, "--output", tmp_path / dtype, "--data-dir", mnist_dir, "--json"]
        facts = json.loads(cli("export", name, *arguments).out)["facts"]
        assert (facts["verified"], facts["n"]) == (True, 10_000)
        assert facts["changed"] <= most_changed
        assert facts["accuracy"] >= facts["pytorch_accuracy"] - 0.3


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_export_writes_a_header_and_a_source_and_says_what_they_cost(
    cli: Cli, small_run: Path, tmp_path: Path, dtype: str
) -> None:
    out = tmp_path / "out"
    content = json.loads(cli("export", small_run, "--format", "c", "--dtype", dtype, "--output", out, "--json").out)
    assert {path.name: path.stat().st_size for path in out.iterdir()} == content["files"]
    assert sorted(content["files"]) == ["tiny3130.c", "tiny3130.h"]
    facts = content["facts"]
    assert (facts["multiply_adds"], facts["parameters"]) == (530_100, 3_130)
    assert facts["scratch_bytes"] == {"float32": 4 * 4920, "int8": 4890}[dtype]
    assert facts["verified"] is (COMPILER is not None)
    if COMPILER is not None:
        assert (facts["n"], facts["dataset"]) == (1000, "mnist-5k")
    if shutil.which(ARM):
        assert facts["constant_bytes"] < facts["cortex_m4_own"] <= facts["cortex_m4_flash"]


STROKES = """
name: strokes
bases: {stroke: {filters: 3, kernel_size: 5}}
defaults: {basis: stroke}
blocks:
  - convs: [{out_channels: 10, basis: none, stride: 2}, {out_channels: 12, stride: 2}, 12]
    pool: max
train: {epochs: 1, batch_size: 100, augment: [], schedule: {name: one_cycle, max_lr: 0.1}}
"""


@pytest.mark.slow
@needs_compiler
def test_a_trained_network_with_a_basis_is_exported_by_its_factors(
    cli: Cli, spec_file: Callable[[str], Path], tmp_path: Path
) -> None:
    arguments = ["--dataset", "mnist-5k", "--seed", 1, "--device", "cpu", "--output", tmp_path, "--name", "run"]
    assert cli("train", spec_file(STROKES), *arguments).code == 0
    numbers, biases = 10 * 9 + 3 * 25 + 12 * 10 * 3 + 12 * 12 * 3 + 10 * 108, 10 + 12 + 12 + 10
    for dtype, constant_bytes in (("float32", 4 * (numbers + biases)), ("int8", numbers + 4 * biases)):
        arguments = ["--format", "c", "--dtype", dtype, "--output", tmp_path / dtype, "--json"]
        facts = json.loads(cli("export", tmp_path / "run", *arguments).out)["facts"]
        assert (facts["verified"], facts["constant_bytes"]) == (True, constant_bytes)
        assert facts["multiply_adds"] == 196 * 90 + 49 * 3 * (10 * 25 + 12 * 10 + 12 * 25 + 12 * 12) + 1080


def test_the_same_run_gives_the_same_text(
    cli: Cli, small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")  # the text does not depend on it
    texts = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        cli("export", small_run, "--format", "c", "--dtype", "int8", "--output", folder)
        texts.append((folder / "tiny3130.c").read_text())
    assert texts[0] == texts[1]


def test_without_a_compiler_it_is_written_and_called_not_verified(
    cli: Cli, small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    outcome = cli("export", small_run, "--format", "c", "--output", tmp_path / "out")
    assert outcome.code == 0
    assert "not verified: no C compiler here (CC, or cc)" in outcome.out.splitlines()
    assert (tmp_path / "out" / "tiny3130.c").is_file()


@needs_compiler
@pytest.mark.parametrize(
    ("dtype", "limit", "error", "remedy"),
    [
        ("float32", "LARGEST_DIFFERENCE", "exported C does not compute what PyTorch does: ", ""),
        ("int8", "LARGEST_LOSS", "--dtype int8: costs more than -100 points: ", "`tinymnist quantize RUN`"),
        (
            "int4",
            "LARGEST_LOSS",
            "--dtype int4: costs more than -100 points: ",
            "`tinymnist quantize RUN --dtype int4`",
        ),
    ],
    ids=["float32", "int8", "int4"],
)
def test_what_does_not_verify_is_not_written(
    cli: Cli,
    small_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    dtype: str,
    limit: str,
    error: str,
    remedy: str,
) -> None:
    monkeypatch.setattr(verification, limit, -100)
    outcome = cli("export", small_run, "--format", "c", "--dtype", dtype, "--output", tmp_path / "out")
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (1, "", 1)
    assert outcome.err.startswith(f"tinymnist: {error}")
    assert outcome.err.endswith(f"{remedy}\n")
    assert list(tmp_path.iterdir()) == []


def test_a_program_that_breaks_off_is_one_line(
    cli: Cli, small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "MAIN", "int main(void) {{ return 7; }}\n")
    outcome = cli("export", small_run, "--format", "c", "--output", tmp_path / "out")
    expected = (1, "", "tinymnist: exported C: `program` fails: 7\n") if COMPILER else (0, outcome.out, "")
    assert (outcome.code, outcome.out, outcome.err) == expected


@needs_compiler
def test_nowhere_to_compile_is_one_line_and_exit_code_3(
    cli: Cli, small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    outcome = cli("export", small_run, "--format", "c", "--output", tmp_path / "out")
    expected = "tinymnist: temporary files: cannot be written: No such file or directory: set TMPDIR\n"
    assert (outcome.code, outcome.out, outcome.err) == (3, "", expected)


def test_images_that_were_trained_on_verify_nothing(cli: Cli, tmp_path: Path) -> None:
    arguments = ["--format", "c", "--output", tmp_path / "out", "--dataset", "mnist-5k"]
    outcome = cli("export", "smooth675", *arguments)
    assert (outcome.code, "so it may know images of mnist-5k that are scored" in outcome.err) == (2, True)


def test_a_basis_and_its_mixes_are_stored_instead_of_the_weights() -> None:
    convs = [{"out_channels": 6, "basis": "none"}, 7, 8]
    bases = {"wide": {"filters": 3, "kernel_size": 5}}
    content = {"name": "n", "classes": 8, "bases": bases, "blocks": [{"convs": convs}], "head": "global_pool"}
    float32, int8, *_ = in_all_types(Spec.model_validate({**content, "defaults": {"basis": "wide"}}))
    numbers, biases = 6 * 9 + 3 * 25 + 7 * 6 * 3 + 8 * 7 * 3, 6 + 7 + 8
    assert float32.constant_bytes == 4 * (numbers + biases)
    assert int8.constant_bytes == numbers + 4 * biases  # a factor and a bias per output, of two bytes each


def test_weights_of_four_bits_are_packed_and_filters_are_not() -> None:
    content = {"name": "n", "classes": 7, "blocks": [{"convs": [6, {"out_channels": 7, "basis": 3}]}]}
    program = in_whole_numbers(Spec.model_validate({**content, "head": "global_pool"}), "int4")
    weights, filters, biases = 6 * 9 + 7 * 6 * 3, 3 * 9, 6 + 7
    assert program.constant_bytes == weights // 2 + filters + 4 * biases


@needs_compiler
@pytest.mark.parametrize("channels", [60, 110])
def test_no_image_makes_features_or_the_sums_of_a_mix_overflow(channels: int) -> None:
    conv = {"out_channels": 7, "kernel_size": 5, "basis": 5, "bias": False, "norm": "none", "activation": "none"}
    content = {"name": "n", "classes": 7, "blocks": [{"convs": [conv]}], "head": "global_pool"}
    images = {"input": {"channels": channels, "height": 6, "width": 6}, "train": {"normalize": {"mean": 0, "std": 1}}}
    spec = Spec.model_validate({**content, **images})
    model = build_model(spec).eval()
    for parameter in model.parameters():
        parameter.data.fill_(1.0)  # 127 in whole numbers, and white images make the largest sums
    network = fold(spec, model)
    basis = quantize(network, [(-1.0, 1.0)] * 3).steps[0].basis  # type: ignore[union-attr]
    feature, terms = 25 * 127 * 255 >> basis.shift, 5 * channels  # type: ignore[union-attr]
    assert feature < 2**15
    assert feature * 127 * terms < 2**31
    assert 2 * feature >= 2**15 or 2 * feature * 127 * terms >= 2**31
    assert difference_of_integers(network, FLAGS) == 0


@needs_compiler
@pytest.mark.parametrize("spec", [CURVES, WINDOWS, BASES], ids=lambda spec: spec.name)
def test_numbers_beyond_fixed_point_end_at_its_limit(spec: Spec) -> None:
    network = folded(spec)
    quantized = quantize(network, [(-1e-6, 1e-6)] * (len(network.steps) + 1))  # far too narrow, so that sums exceed it
    assert quantized.wide
    images = images_for(network)
    found = compute_logits(integer_program(network, quantized), channels_last(images), COMPILER or (), FLAGS)
    assert (found == whole_logits(network, quantized, images)).all()


def test_group_norm_has_no_int8() -> None:
    block = {"convs": [{"out_channels": 2, "norm": {"kind": "group", "groups": 1}}]}
    network = folded(Spec.model_validate({"name": "grouped", "classes": 2, "blocks": [block]}))
    message = "block1.norm1: no group norm in whole numbers: export float32, or train with batch norm"
    with pytest.raises(UsageError, match=re.escape(message)):
        quantize(network, [(-1.0, 1.0)] * (len(network.steps) + 1))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("smooth996", "smooth996"),
        ("my-net.v2", "my_net_v2"),
        ("996", "net_996"),
        ("stdint", "net_stdint"),
        ("Math", "net_Math"),
        ("a--", "a"),
        ("int", "int"),
    ],
)
def test_a_networks_name_becomes_an_identifier(name: str, expected: str) -> None:
    assert identifier(name) == expected


CALL = """\
    {{
        static uint8_t image[{upper}_PIXELS];
        static {name}_element scratch[{upper}_SCRATCH];
        {name}_logit logits[{upper}_CLASSES];
        {name}_logits(image, logits, scratch);
        sum += (float)logits[0] * {upper}_LOGIT_SCALE;
    }}
"""


def in_float32(spec: Spec, name: str, optimize: Optimize = "size") -> Program:
    return float32_program(replace(folded(spec), name=name), optimize)


def in_whole_numbers(spec: Spec, dtype: WholeDtype, optimize: Optimize = "size", name: str | None = None) -> Program:
    """By default under the name of the type."""
    network = replace(folded(spec), name=name or dtype)
    return integer_program(network, quantize(network, [(-1.0, 1.0)] * (len(network.steps) + 1), dtype=dtype), optimize)


def in_all_types(spec: Spec, name: str = "net", optimize: Optimize = "size") -> list[Program]:
    """The programs of a network: in float32, and in whole numbers under the name `NAME-DTYPE`."""
    whole = [in_whole_numbers(spec, dtype, optimize, f"{name}-{dtype}") for dtype in get_args(WholeDtype)]
    return [in_float32(spec, name, optimize), *whole]


@needs_compiler
@pytest.mark.parametrize("apart", [True, False], ids=["linked", "in one file"])
def test_programs_of_several_networks_and_types_live_together(tmp_path: Path, apart: bool) -> None:
    specs = {"curves": CURVES, "windows": WINDOWS, "bases": BASES, "pooled": POOLED}
    programs = [
        program
        for optimize in get_args(Optimize)
        for name, spec in specs.items()
        for program in in_all_types(spec, f"{name}-{optimize}", optimize)
    ]
    for program in programs:
        for name, content in program.files.items():
            (tmp_path / name).write_bytes(content)
    sources = [f"{program.identifier}.c" for program in programs]
    calls = "".join(CALL.format(name=program.identifier, upper=program.identifier.upper()) for program in programs)
    includes = "".join(f'#include "{name}"\n' for name in ([s[:-1] + "h" for s in sources] if apart else sources))
    (tmp_path / "main.c").write_text(
        f"{includes}\nint main(void)\n{{\n    float sum = 0.0f;\n{calls}    return sum > 1e9f;\n}}\n"
    )
    assert COMPILER is not None
    command = [*COMPILER, *FLAGS, "main.c", *(sources if apart else []), "-o", "all", "-lm"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert subprocess.run([tmp_path / "all"]).returncode == 0


def test_a_name_of_ones_own_is_that_of_files_and_identifiers(cli: Cli, small_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["--format", "c", "--dtype", "int8", "--name", "tiny-int8", "--output", out, "--json"]
    content = json.loads(cli("export", small_run, *arguments).out)
    assert sorted(content["files"]) == ["tiny_int8.c", "tiny_int8.h"]
    assert content["facts"]["name"] == "tiny-int8"
    source = (out / "tiny_int8.c").read_text()
    defined = re.findall(r"^(?:static|struct|typedef|void|int)\b.*?(\w+)(?=[(\[]| [={])", source, re.MULTILINE)
    assert len(defined) > 10
    assert [name for name in defined if not name.startswith("tiny_int8_")] == []


@needs_compiler
@pytest.mark.parametrize("name", ["int", "9.-_", "stdint", "main"])
def test_any_name_compiles(name: str) -> None:
    network = folded(POOLED.model_copy(update={"name": name}))
    assert difference_of_float32(network, FLAGS) < 1e-5


@pytest.mark.parametrize(
    ("name", "elements", "largest"),
    [("tiny3130", 4920, 4704), ("smooth996", 6474, 6272), ("smooth675", 4840, 4704), ("smooth1938", 3294, 3136)],
)
def test_memory_is_little_more_than_the_largest_value(name: str, elements: int, largest: int) -> None:
    spec = load_run(name).spec
    network = folded(spec)
    sizes = [prod(network.shape(value)) for value in range(len(network.steps))]
    assert (plan_scratch(network, range(len(sizes))).size, max(sizes)) == (elements, largest)


GRID = torch.arange(-20, 20, 1 / 64, dtype=torch.float64)


@pytest.mark.parametrize(
    ("name", "function", "low", "high"),
    [
        ("elu", functional.elu, -1, 20),
        ("gelu", functional.gelu, -1, 20),
        ("silu", functional.silu, -1, 20),
        ("mish", functional.mish, -1, 20),
        ("hardswish", functional.hardswish, -1, 20),
        ("tanh", torch.tanh, -1, 1),
        ("sigmoid", torch.sigmoid, 0, 1),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_gate_gives_its_activation(
    name: str, function: Callable[[torch.Tensor], torch.Tensor], low: float, high: float
) -> None:
    numbers = GRID.numpy()
    place = np.minimum(np.floor(16 * np.abs(numbers)), 127).astype(int)
    below, mirror = gate_below(name)
    table = gate_table(name)
    gate = np.where(numbers < 0, table[place + below] ^ mirror, table[place]) * gate_peak(name) / 255
    found = np.clip(gate_offset(name) + GRID.numpy() * gate, low, high)
    assert np.abs(found - function(GRID).numpy()).max() < 0.04  # 20 / 255 / 2: half a step of the gate, at 20


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_the_example_in_the_documentation_reads_digits(cli: Cli, small_run: Path, tmp_path: Path, dtype: str) -> None:
    assert COMPILER is not None
    text = (ROOT / "docs" / "export-c.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```c\n(.*?)```", text, re.DOTALL)
    out = tmp_path / "out"
    cli("export", small_run, "--format", "c", "--dtype", dtype, "--output", out)
    example = example.replace("static float scratch", "static smooth996_element scratch")
    (out / "main.c").write_text(example.replace("smooth996", "tiny3130").replace("SMOOTH996", "TINY3130"))
    command = [*COMPILER, *FLAGS, "main.c", "tiny3130.c", "-o", "digits", "-lm"]
    subprocess.run(command, cwd=out, check=True)
    run = load_run(small_run)
    images = load_dataset("mnist-5k").test.images[::100]
    with torch.inference_mode():
        inputs = normalized(images, run.spec.train.normalize, torch.device("cpu"))
        expected = run.load_model()(inputs).argmax(1).tolist()
    found = [
        int(subprocess.run([out / "digits"], input=image.numpy().tobytes(), capture_output=True).stdout)
        for image in images
    ]
    assert sum(map(eq, found, expected)) >= len(expected) - (dtype == "int8")
