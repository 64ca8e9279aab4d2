"""What a command leaves behind in a fresh home: what it is for, and nothing else. On Linux, where `strace` is there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tinymnist
from tests.support.command_line import ROOT

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


@pytest.mark.parametrize("found", [None, pytest.param("0", marks=pytest.mark.slow)], ids=["unset", "set by the user"])
def test_telemetry_is_off_unless_the_user_asked_for_it(found: str | None) -> None:
    pytest.importorskip("onnxruntime")
    code = "import os, tinymnist.export.onnxruntime; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    if found is not None:
        environment["ORT_DISABLE_TELEMETRY"] = found
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{found or '1'}\n")


@pytest.mark.slow
@pytest.mark.skipif(STRACE is None, reason="needs strace")
@pytest.mark.parametrize(
    "arguments",
    [["export", "smooth675", "--format", "onnx", "--output", "out"], ["benchmark", "smooth675"]],
    ids=["export", "benchmark"],
)
def test_nothing_is_written_elsewhere_and_nobody_is_called(
    tmp_path: Path, mnist_dir: Path, arguments: list[str]
) -> None:
    assert STRACE is not None
    home, temporary, work = tmp_path / "home", tmp_path / "tmp", tmp_path / "work"
    for folder in (home, temporary, work):
        folder.mkdir()
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(temporary), "PYTHONPATH": str(ROOT)}
    trace = tmp_path / "trace"
    command = [STRACE, "-f", "-e", f"trace={TRACED}", "-o", str(trace), sys.executable, "-m", "tinymnist", *arguments]
    done = subprocess.run(
        [*command, "--data-dir", str(mnist_dir)], cwd=work, env=environment, capture_output=True, text=True
    )
    if "ptrace" in done.stderr and "not permitted" in done.stderr:
        pytest.skip("strace may not trace here")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line for line in trace.read_text().splitlines() if INTERNET.search(line)] == []
    written = {str(path.relative_to(tmp_path)) for folder in (home, temporary, work) for path in folder.rglob("*")}
    written -= {path for path in written if re.fullmatch(r"tmp/torchinductor_\w+", path)}  # torch's, empty
    assert written == ({"work/out", "work/out/smooth675.onnx"} if arguments[0] == "export" else set())
