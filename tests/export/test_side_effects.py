"""What a command leaves behind in a fresh home: what it is for, and nothing else. On Linux, where `strace` is there."""

import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tinymnist
from tests.support.command_line import ROOT
from tests.support.image_sets import write_folders
from tests.support.searches import SHORTEST, write_search
from tinymnist.cli import app

PACKAGE = Path(tinymnist.__file__).parent
STRACE = shutil.which("strace")
INTERNET = re.compile(r"(?:connect|sendto|sendmsg)\(.*sa_family=AF_INET6?|socket\(AF_INET6?, SOCK_(?:STREAM|RAW)")
TRACED = "connect,sendto,sendmsg,socket"


def test_onnxruntime_has_one_door() -> None:
    importing = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if re.search(r"^\s*(?:import|from) onnxruntime\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert importing == ["export/onnxruntime.py"]


@pytest.mark.slow
@pytest.mark.parametrize("found", [None, "0"], ids=["unset", "set by the user"])
def test_telemetry_is_off_unless_the_user_asked_for_it(found: str | None) -> None:
    pytest.importorskip("onnxruntime")
    code = "import os, tinymnist.export.onnxruntime; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    if found is not None:
        environment["ORT_DISABLE_TELEMETRY"] = found
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{found or '1'}\n")


RUN = (
    *(".lock", "checkpoint/state.safetensors", "environment.json", "metrics.csv", "result.json"),
    *("spec.yaml", "weights.safetensors"),
)
MNIST = ["--data-dir", "MNIST"]
COMMANDS: dict[str, tuple[list[str], list[str]]] = {
    "help": (["--help"], []),
    "list": (["list"], []),
    "schema": (["schema", "train"], []),
    "data": (["data", "mnist-5k"], []),
    "data from pictures": (["data", "PETS"], ["home/.cache/tinymnist/images/*.safetensors"]),
    "runs": (["runs", "."], []),
    "new": (["new", "net.yaml"], ["work/net.yaml"]),
    "check": (["check", "tiny3130"], []),
    "build": (["build", "tiny3130", "--output", "fresh.safetensors"], ["work/fresh.safetensors"]),
    "summary": (["summary", "tiny3130"], []),
    "train": (
        ["train", "mini697", "--recipe", "steady", "--epochs", "1", "--dataset", "mnist-5k", "--name", "net"],
        [f"work/runs/net/{name}" for name in RUN] + ["home/.cache/tinymnist/native/*"],
    ),
    "quantize": (
        ["quantize", "smooth675", "--epochs", "1", "--name", "net", *MNIST],
        [f"work/runs/net/{name}" for name in RUN],
    ),
    "search": (["search", "SEARCH", "--jobs", "1"], ["work/studies/tiny/*"]),
    "evaluate": (["evaluate", "smooth675", *MNIST], []),
    "verify": (["verify", "smooth675", *MNIST], []),
    "grade": (
        ["grade", "ASSIGNMENT", "NET", "--jobs", "1"],
        ["work/grades/exercise/*", "home/.cache/tinymnist/native/*"],
    ),
    "compare": (["compare", "smooth675", "smooth996", *MNIST], []),
    "predict": (["predict", "smooth675", "PICTURE"], []),
    "predict rows": (["predict", "smooth675", "ROWS", "--output", "out.csv"], ["work/out.csv"]),
    "report": (["report", "smooth675", *MNIST], ["work/report.html", "home/.cache/tinymnist/matplotlib/*"]),
    "export as onnx": (["export", "smooth675", "--format", "onnx", "--output", "out", *MNIST], [
        "work/out/smooth675.onnx",
    ]),
    "export as c": (["export", "smooth675", "--format", "c", "--output", "out", *MNIST], [
        "work/out/smooth675.c", "work/out/smooth675.h",
    ]),
    "export as html": (["export", "smooth675", "--format", "html", "--output", "out", *MNIST], [
        "work/out/index.html",
    ]),
    "benchmark": (["benchmark", "smooth675", *MNIST], []),
    "front": (["front", "--output", "front.svg"], ["work/front.svg", "home/.cache/tinymnist/matplotlib/*"]),
}  # fmt: skip
"""Each command, and the files that it may write."""


def test_every_command_is_tried() -> None:
    assert {command.name for command in app.registered_commands} <= {arguments[0] for arguments, _ in COMMANDS.values()}


@pytest.mark.slow
@pytest.mark.skipif(STRACE is None, reason="needs strace")
@pytest.mark.parametrize(("arguments", "expected"), COMMANDS.values(), ids=COMMANDS.keys())
def test_nothing_is_written_elsewhere_and_nobody_is_called(
    tmp_path: Path, mnist_dir: Path, arguments: list[str], expected: list[str]
) -> None:
    assert STRACE is not None
    home, temporary, work = tmp_path / "home", tmp_path / "tmp", tmp_path / "work"
    for folder in (home, temporary, work):
        folder.mkdir()
    picture = Image.new("L", (28, 28), 255)
    picture.paste(0, (13, 6, 15, 22))
    picture.save(tmp_path / "picture.png")
    images = np.arange(40, dtype=np.uint8).reshape(10, 2, 2)
    pets = write_folders(tmp_path / "pets", {"": (images, np.tile([0, 1], 5))})
    (tmp_path / "rows.csv").write_text(f"{','.join(map(str, range(784)))}\n{','.join(['0'] * 784)}\n")
    (tmp_path / "assignment.yaml").write_text("{name: exercise, dataset: mnist-5k, seeds: [1], target: {accuracy: 50}}")
    (tmp_path / "net.yaml").write_text(
        "{name: net, blocks: [{convs: [{out_channels: 4, stride: 4}]}], train: {epochs: 1}}"
    )
    places = {
        "ASSIGNMENT": str(tmp_path / "assignment.yaml"),
        "NET": str(tmp_path / "net.yaml"),
        "MNIST": str(mnist_dir),
        "PETS": str(pets),
        "PICTURE": str(tmp_path / "picture.png"),
        "ROWS": str(tmp_path / "rows.csv"),
        "SEARCH": str(write_search(tmp_path, SHORTEST)),
    }
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(temporary), "PYTHONPATH": str(ROOT)}
    trace = tmp_path / "trace"
    command = [STRACE, "-f", "-e", f"trace={TRACED}", "-o", str(trace), sys.executable, "-m", "tinymnist", "--quiet"]
    given = [places.get(argument, argument) for argument in arguments]
    done = subprocess.run([*command, *given], cwd=work, env=environment, capture_output=True, text=True)
    if "ptrace" in done.stderr and "not permitted" in done.stderr:
        pytest.skip("strace may not trace here")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line for line in trace.read_text().splitlines() if INTERNET.search(line)] == []
    written = [
        str(path.relative_to(tmp_path))
        for folder in (home, temporary, work)
        for path in folder.rglob("*")
        if path.is_file()
    ]
    assert [path for path in written if not any(fnmatch(path, pattern) for pattern in expected)] == []
    assert [pattern for pattern in expected if not any(fnmatch(path, pattern) for path in written)] == []
