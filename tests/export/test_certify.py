"""Exported programs compute on emulated microcontrollers what they compute here."""

import hashlib
import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.export.test_c import BASES, CURVES, POOLED, WINDOWS, for_both, in_all_types
from tests.support.command_line import Cli
from tests.support.exported import channels_last
from tests.support.nursery import Nursery
from tinymnist import Spec
from tinymnist.choices import Optimize
from tinymnist.errors import CheckFailed
from tinymnist.export.c import certification
from tinymnist.export.c.certification import certify
from tinymnist.export.c.chips import CHIPS, Chip
from tinymnist.export.c.compiling import c_compiler, compute_logits

COMPILER = c_compiler()
HERE = {core: chip for core, chip in CHIPS.items() if not chip.missing and COMPILER}
every_core = pytest.mark.parametrize(
    "core",
    [
        pytest.param(core, marks=pytest.mark.skipif(core not in HERE, reason="needs its compiler and QEMU"))
        for core in CHIPS
    ],
)
needs_m4 = pytest.mark.skipif("cortex-m4" not in HERE, reason="needs arm-none-eabi-gcc and qemu-system-arm")


@pytest.mark.slow
@every_core
@pytest.mark.parametrize("spec", [CURVES, WINDOWS, BASES, POOLED], ids=lambda spec: spec.name)
@for_both
def test_every_layer_gives_the_same_numbers_on_every_core(core: str, spec: Spec, optimize: Optimize) -> None:
    assert COMPILER is not None
    channels, height, width = spec.input.channels, spec.input.height, spec.input.width
    images = channels_last(np.random.default_rng(0).integers(0, 256, (5, channels, height, width), np.uint8))
    for program in in_all_types(spec, optimize=optimize):
        logits = compute_logits(program, images, COMPILER)
        found = certify(program, core, images, torch.from_numpy(logits.argmax(1)), logits)
        assert (found.accuracy, found.images) == (100, 5)
        assert found.identical or program.logit_type == "float"
        assert found.instructions_per_image > spec.plan.macs
        assert found.flash > program.constant_bytes
        assert found.ram >= program.scratch_bytes + images[0].numel()
        assert 0 < found.stack < 4096


@needs_m4
def test_a_certificate_lies_beside_the_files(cli: Cli, small_run: Path, few: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["--format", "c", "--dtype", "int8", "--output", out, "--dataset", few, "--certify", "cortex-m4"]
    outcome = cli("export", small_run, *arguments)
    assert outcome.code == 0, outcome.err
    assert "cortex_m4: certified on 10 images in QEMU (mps2-an386): the same logits as here; " in outcome.out
    content = json.loads((out / "certificate.json").read_text())
    assert content["sha256"] == {
        name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in ("tiny3130.h", "tiny3130.c")
    }
    (core,) = content["cores"]
    assert (core["core"], core["images"], core["identical"]) == ("cortex-m4", 10, True)
    assert core["instructions_per_image"] > 530_100
    assert " -Os " in core["flags"]


@needs_m4
def test_for_speed_takes_fewer_instructions_and_more_flash(
    cli: Cli, small_run: Path, few: Path, tmp_path: Path
) -> None:
    found = {}
    for optimize in ("size", "speed"):
        out = tmp_path / optimize
        arguments = ["--format", "c", "--dtype", "int8", "--optimize", optimize, "--output", out, "--dataset", few]
        facts = json.loads(cli("export", small_run, *arguments, "--certify", "cortex-m4", "--json").out)["facts"]
        assert facts["optimize"] == optimize
        found[optimize] = facts
    size, speed = found["size"], found["speed"]
    key = "certified_cortex_m4_instructions_per_image"
    assert 2 * speed[key] < size[key]
    assert speed["cortex_m4_own"] > size["cortex_m4_own"]
    assert speed["changed"] == size["changed"]


@needs_m4
@pytest.mark.parametrize("part", [0, 1], ids=["float32", "whole numbers"])
def test_other_numbers_are_no_certificate(part: int) -> None:
    assert COMPILER is not None
    program = in_all_types(POOLED)[part]
    images = torch.zeros(2, 9, 8, 1, dtype=torch.uint8)
    logits = compute_logits(program, images, COMPILER)
    logits[1, logits[1].argmin()] = logits.max() + 1
    with pytest.raises(CheckFailed, match="--certify cortex-m4: 1 of 2 images have other "):
        certify(program, "cortex-m4", images, torch.zeros(2), logits)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--format", "c", "--certify", "cortex-m99"), "--certify cortex-m99: expects cortex-m0plus, cortex-m4, "),
        (("--format", "onnx", "--certify", "cortex-m4"), "--certify cortex-m4: is for --format c"),
        (("--format", "onnx", "--optimize", "speed"), "--optimize speed: is for --format c"),
    ],
    ids=["no such core", "not C", "fast, not C"],
)
def test_what_cannot_be_certified_is_refused(
    cli: Cli, small_run: Path, tmp_path: Path, arguments: tuple[str, ...], error: str
) -> None:
    outcome = cli("export", small_run, *arguments, "--output", tmp_path / "out")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"tinymnist: {error}")


def test_without_its_tools_nothing_is_claimed_and_nothing_written(
    cli: Cli, small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Chip, "missing", ["qemu-system-arm"])
    outcome = cli("export", small_run, "--format", "c", "--certify", "cortex-m4", "--output", tmp_path / "out")
    expected = "--certify cortex-m4: qemu-system-arm not found: on Debian and Ubuntu, `apt install qemu-system-arm`"
    assert (outcome.code, outcome.out, outcome.err) == (2, "", f"tinymnist: {expected}\n")
    assert not (tmp_path / "out").exists()


@needs_m4
def test_a_program_that_hangs_on_the_core_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert COMPILER is not None
    program = in_all_types(POOLED)[0]
    images = torch.zeros(1, 9, 8, 1, dtype=torch.uint8)
    logits = compute_logits(program, images, COMPILER)
    monkeypatch.setattr(certification, "EMULATOR_SECONDS", 0.01)
    with pytest.raises(CheckFailed, match=r"`qemu-system-arm` took more than 0 s"):
        certify(program, "cortex-m4", images, torch.zeros(1), logits)


@needs_m4
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_core_computes_ends_the_emulator(
    nursery: Nursery, small_run: Path, few: Path, tmp_path: Path, number: signal.Signals
) -> None:
    emulator, started = tmp_path / "bin" / "qemu-system-arm", tmp_path / "started"
    emulator.parent.mkdir()
    emulator.write_text(f"#!/bin/sh\necho $$ > {started}\nexec sleep 60\n")
    emulator.chmod(0o700)
    environment = {"PATH": f"{emulator.parent}:{os.environ['PATH']}"}
    arguments = ["--format", "c", "--output", tmp_path / "out", "--dataset", few, "--certify", "cortex-m4"]
    child = nursery.start("export", small_run, *arguments, prepare=("set_environment", environment))
    while not started.exists() or not started.read_text():
        time.sleep(0.01)
    child.send(number)
    stopped = child.wait()
    assert (stopped.code, stopped.out, stopped.err) == (128 + number, "", "tinymnist: interrupted\n")
    assert not (tmp_path / "out").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)
