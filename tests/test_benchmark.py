"""`benchmark`: every format measured, or the reason why not."""

import json
import re
from pathlib import Path

import pytest

from tests.support.command_line import Cli
from tinymnist import benchmark, load_run

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
