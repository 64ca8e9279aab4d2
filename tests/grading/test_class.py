"""A class of thirty, honest and not, graded by one command: each gets the right verdict and the right reason."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.grading.test_grade import KINDS, NET, grades, points
from tests.support.command_line import ARCHS, ROOT, Cli

ASSIGNMENT = """\
name: class
dataset: mnist-5k
checks: {max_params: 1600, require: [dropout], forbid: [residual]}
recipe: {max_epochs: 2, max_batch: 400}
seeds: [5, 6, 7]
target: {accuracy: 40}
"""

CLAIMS = {"boasting": 99.99, "others-weights": 99.53, "trained-on-test-images": 99.93}
"""Runs that are handed in as they are said to be."""
INVALID = {
    "broken": "broken.yaml:",
    "unbuildable": "unbuildable.yaml:",
    "empty": "empty.yaml:",
    "a list": "a list.yaml:",
    "bomb": "bomb.yaml:",
    "tagged": "tagged.yaml:",
    "outside": "holds no spec",
    "huge": "its spec is larger than 1,048,576 bytes",
    "linked": "is a link, which is not followed",
}
REFUSED = {
    "wide": ([1, 0, 2, 0], "max_params: asked at most 1,600 parameters, found 6,130"),
    "long": ([1, 2, 0, 0], "max_epochs: asked at most 2, found 3"),
    "big-batch": ([1, 2, 0, 0], "max_batch: asked at most 400 images, found 401"),
    "taught": ([1, 2, 0, 0], "forbid distill: the recipe uses it"),
    "stopping": ([1, 2, 0, 0], "early_stopping"),
}
TRAINED = {
    **{f"honest-{width}": ("graded", [1, 2, 2, 5], "") for width in (4, 5, 7, 8, 9, 10, 11, 12)},
    "copied": ("graded", [1, 2, 2, 5], "says the same as renamed"),
    "renamed": ("graded", [1, 2, 2, 5], "says the same as copied"),
    "weak": ("graded", [1, 2, 2, 0], " % after the last epoch, asked 40 %"),
    "plain": ("graded", [1, 2, 0, 5], "require dropout: asked at least 1, found 0"),
    "diverging": ("diverged", [1, 2, 2, 0], "the loss is"),
    **{name: ("graded", [1, 2, 2, 5], f"its own result claims {claim:.2f} %") for name, claim in CLAIMS.items()},
}


def hand_in_all(folder: Path) -> None:
    for name in {*KINDS} & {*INVALID, *REFUSED, *TRAINED}:
        (folder / f"{name}.yaml").write_text(KINDS[name])
    for name in TRAINED:
        if name.startswith("honest-"):
            width = name.removeprefix("honest-")
            (folder / f"{name}.yaml").write_text(NET.replace("out_channels: 6", f"out_channels: {width}"))
    (folder / "copied.yaml").write_text(NET)
    (folder / "renamed.yaml").write_text(
        NET.replace("name: quick", "name: my-own").replace("{out_channels", "{ out_channels")
    )
    for channels, (name, claim) in enumerate(CLAIMS.items(), start=13):
        (folder / name).mkdir()
        (folder / name / "spec.yaml").write_text(NET.replace("out_channels: 6", f"out_channels: {channels}"))
        (folder / name / "result.json").write_text(json.dumps({"accuracy": claim}))
        (folder / name / "weights.safetensors").write_bytes((ARCHS / "smooth3092.safetensors").read_bytes())
    with zipfile.ZipFile(folder / "outside.zip", "w") as archive:
        archive.writestr("../.outside.yaml", NET)
    with zipfile.ZipFile(folder / "huge.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net.yaml", "#" * (20 << 20))
    (folder / "linked.yaml").symlink_to("/etc/passwd")


def graded_elsewhere() -> dict[str, dict[str, Any]]:
    """The same, by a process that has shorter vectors, and PyTorch with none of its own."""
    machine = {"ATEN_CPU_CAPABILITY": "default", "CC": "cc -mno-avx512f", "PYTHONPATH": str(ROOT)}
    command = [
        sys.executable,
        "-m",
        "tinymnist",
        "grade",
        "assignment.yaml",
        "handed-in",
        "--output",
        "elsewhere",
        "--json",
    ]
    done = subprocess.run(command, env={**os.environ, **machine}, check=True, capture_output=True, text=True)
    return {each["submission"]: each for each in json.loads(done.stdout)["grades"]}


@pytest.mark.slow
def test_thirty_submissions_get_the_right_verdict_and_reason(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("assignment.yaml").write_text(ASSIGNMENT)
    Path("handed-in").mkdir()
    hand_in_all(Path("handed-in"))
    found = grades(cli, "handed-in", "--page", "class.html", "--anonymous")
    assert len(found) == 30
    expected = {name: ("invalid", [0, 0, 0, 0], words) for name, words in INVALID.items()}
    expected |= {name: ("refused", points, words) for name, (points, words) in REFUSED.items()}
    expected |= TRAINED
    assert {name: (each["status"], points(each)) for name, each in found.items()} == {
        name: (status, given) for name, (status, given, _) in expected.items()
    }
    for name, (_, _, words) in expected.items():
        said = "; ".join([*(part["reason"] for part in found[name]["parts"]), *found[name]["remarks"]])
        assert words in said, name
    page = Path("class.html").read_text()
    assert [name for name in found if f">{name}<" in page] == []
    assert not Path("hacked").exists()
    assert found == graded_elsewhere()
    assert not list(tmp_path.parent.glob("*outside.yaml"))
