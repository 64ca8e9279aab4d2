"""A training gives the same bits on every machine: seven networks that together have every layer and every option of a
recipe, and the digests of what comes of them.

`pytest tests/test_portable.py -m slow --overwrite` writes new digests. They change only together with
`tinymnist.numerics.PORTABLE`.
"""

import csv
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.command_line import ROOT
from tinymnist.native import find_compiler

pytestmark = pytest.mark.skipif(
    not find_compiler().portable, reason="this processor multiplies and adds with two roundings"
)

SPECS = ROOT / "tests" / "portable"
TABLE = SPECS / "digests.json"
NAMES = ("plain", "activations", "groups", "bases", "residuals", "poolings", "taught")
"""The last learns from the first two."""
TIMES = ("seconds", "images_per_second")


def wide(machine: dict[str, str]) -> dict[str, str]:
    """The environment in which NumPy uses only what every x86 processor has."""
    core = np._core._multiarray_umath  # type: ignore[attr-defined]
    present = [name for name in core.__cpu_dispatch__ if core.__cpu_features__.get(name)]
    return {**machine, "NPY_DISABLE_CPU_FEATURES": " ".join(present)} if present else machine


MACHINES = {
    "as it is": {},
    **({"AVX2": {"ATEN_CPU_CAPABILITY": "avx2", "CC": "cc -mno-avx512f"}} if platform.machine() == "x86_64" else {}),
    "none of its vectors in PyTorch and NumPy": wide({"ATEN_CPU_CAPABILITY": "default"}),
    "another compiler": {"CC": "clang"},
}


def trained(
    folder: Path, names: tuple[str, ...], machine: dict[str, str], threads: int = 1
) -> dict[str, dict[str, str]]:
    """Digests of the weights and the figures of these networks, trained in this environment."""
    found = {}
    for name in names:
        held_out = ["--validation", "1000"] if name == "poolings" else []
        command = [
            "train",
            "--arch",
            str(SPECS / f"{name}.yaml"),
            "--dataset",
            "mnist-5k",
            "--seed",
            "0",
            "--name",
            name,
        ]
        subprocess.run(
            [sys.executable, "-m", "tinymnist", *command, *held_out, "--threads", str(threads)],
            cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT), **machine}, check=True, capture_output=True,
        )  # fmt: skip
        run = folder / "runs" / name
        assert json.loads((run / "environment.json").read_text())["numerics"] == "portable-1"
        with (run / "metrics.csv").open(newline="") as rows:
            figures = [{key: text for key, text in row.items() if key not in TIMES} for row in csv.DictReader(rows)]
        found[name] = {
            "weights": json.loads((run / "result.json").read_text())["weights_sha256"],
            "figures": hashlib.sha256(json.dumps(figures).encode()).hexdigest(),
        }
    return found


def recorded(names: tuple[str, ...]) -> dict[str, dict[str, str]]:
    table = json.loads(TABLE.read_text())
    return {name: table[name] for name in names}


def test_this_machine_gives_the_bits_of_all_others(tmp_path: Path) -> None:
    assert trained(tmp_path, NAMES[:1], {}) == recorded(NAMES[:1])


@pytest.mark.slow
@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES.keys())
def test_every_layer_and_option_has_the_bits_of_all_other_machines(
    machine: dict[str, str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if machine.get("CC") == "clang" and shutil.which("clang") is None:
        pytest.skip("clang is not installed")
    found = trained(tmp_path, NAMES, machine, threads=2 if machine else 1)
    if request.config.getoption("--overwrite") and not machine:
        TABLE.write_text(json.dumps(found, indent=1) + "\n")
    assert found == recorded(NAMES)
