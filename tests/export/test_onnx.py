"""`export --format onnx`, and what all formats have in common."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import HealthCheck, given, settings

from tests.support.command_line import ARCHS, Cli
from tests.support.models import trained
from tests.support.specs import specs
from tinymnist import Spec
from tinymnist.export import onnx as exporter
from tinymnist.export.onnx import _by_onnxruntime, _by_torch, _convert
from tinymnist.export.onnxruntime import session
from tinymnist.training import load_run

METADATA = {
    "name": "smooth675",
    "labels": '["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]',
    "normalization": '{"scale": "1/255", "mean": 0.1307, "std": 0.3081}',
    "trained_on": "mnist",
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, mnist_dir: Path) -> Path:
    """smooth675 with every option for ONNX, exported by the command."""
    from tinymnist.cli import run

    folder = tmp_path_factory.mktemp("onnx") / "out"
    arguments = ["--folded", "--with-preprocessing", "--data-dir", str(mnist_dir)]
    assert run(["export", "smooth675", "--format", "onnx", "--output", str(folder), *arguments]) == 0
    return folder


def test_the_file_takes_pixels_and_any_number_of_images(exported: Path) -> None:
    assert [path.name for path in exported.iterdir()] == ["smooth675.onnx"]
    opened = session((exported / "smooth675.onnx").read_bytes())
    (images,), (output,) = opened.get_inputs(), opened.get_outputs()
    assert (images.name, images.type, images.shape) == ("images", "tensor(uint8)", ["n", 1, 28, 28])
    assert (output.name, output.type, output.shape) == ("log_probabilities", "tensor(float)", ["n", 10])
    for n in (1, 3):
        assert opened.run(None, {"images": np.zeros((n, 1, 28, 28), np.uint8)})[0].shape == (n, 10)


def test_folded_there_is_no_batch_norm(exported: Path) -> None:
    model = onnx.load(exported / "smooth675.onnx")
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}


@pytest.mark.slow
def test_labels_and_normalisation_are_in_the_metadata(cli: Cli, tmp_path: Path, mnist_dir: Path) -> None:
    arguments = ["--format", "onnx", "--output", tmp_path / "out", "--data-dir", mnist_dir, "--json"]
    outcome = cli("export", "smooth675", *arguments)
    content = json.loads(outcome.out)
    model = onnx.load(tmp_path / "out" / "smooth675.onnx")
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert METADATA.items() <= metadata.items()
    assert "BatchNormalization" in {node.op_type for node in model.graph.node}
    assert (content["files"].keys(), content["facts"]["n"]) == ({"smooth675.onnx"}, 10_000)
    assert content["facts"]["accuracy"] == pytest.approx(load_run("smooth675").result.accuracy, abs=0.03)
    assert content["facts"]["largest_difference"] < 1e-3


@pytest.mark.slow
def test_a_file_that_computes_something_else_is_never_written(
    cli: Cli, tmp_path: Path, mnist_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "_by_torch", lambda model, images: -_by_torch(model, images))
    outcome = cli("export", "smooth675", "--format", "onnx", "--output", tmp_path / "out", "--data-dir", mnist_dir)
    assert (outcome.code, outcome.out, list(tmp_path.iterdir())) == (1, "", [])
    assert outcome.err.startswith(f"tinymnist: {ARCHS / 'smooth675.safetensors'}: onnxruntime gives another class for ")


CHOICE, HELP = "tinymnist: Invalid value for", "(see tinymnist export --help)\n"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--format", "tflite"], f"{CHOICE} '--format': 'tflite' is not one of 'onnx', 'c', 'html'. {HELP}"),
        (["--format", "onnx", "--dtype", "int8"], "tinymnist: --dtype int8: is for --format c\n"),
        (
            ["--format", "c", "--dtype", "int16"],
            f"{CHOICE} '--dtype': 'int16' is not one of 'float32', 'int8', 'int4'. {HELP}",
        ),
        (["--format", "c", "--opset", "13"], "tinymnist: --opset 13: is for --format onnx\n"),
        (["--format", "onnx", "--opset", "9"], "tinymnist: --opset 9: expects 11 to 20\n"),
        (["--format", "html", "--name", "mine"], "tinymnist: --name 'mine': is for --format onnx and c\n"),
        (
            ["--format", "c", "--name", "../mine"],
            "tinymnist: --name '../mine': not a plain name: letters, digits, `.`, `_` and `-`\n",
        ),
        (["--format", "c", "--folded"], "tinymnist: --folded: is for --format onnx\n"),
        (["--format", "html", "--with-preprocessing"], "tinymnist: --with-preprocessing: is for --format onnx\n"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_options_that_do_not_go_together(cli: Cli, tmp_path: Path, arguments: list[str], error: str) -> None:
    outcome = cli("export", "smooth675", "--output", tmp_path / "out", *arguments)
    assert (outcome.code, outcome.err, list(tmp_path.iterdir())) == (2, error, [])


def test_a_folder_that_already_exists_is_left_alone(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("export", "smooth675", "--format", "onnx", "--output", tmp_path)
    assert outcome.code == 2
    assert outcome.err == f"tinymnist: --output {tmp_path}: already exists: choose another folder\n"


def test_a_network_without_training_is_not_exported(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("export", "mini697", "--format", "onnx", "--output", tmp_path / "out")
    assert (outcome.code, list(tmp_path.iterdir())) == (2, [])
    assert outcome.err.startswith("tinymnist: mini697: comes without a trained network")


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(specs())
def test_any_network_can_be_converted(spec: Spec) -> None:
    model = trained(spec)
    images = torch.randn(3, spec.input.channels, spec.input.height, spec.input.width)
    expected = _by_torch(model, images)
    for folded, opset in ((False, 20), (True, 20), (False, 11)):
        converted = _convert(spec, model, folded=folded, preprocessing=False, opset=opset)
        onnx.checker.check_model(converted, full_check=True)
        found = _by_onnxruntime(converted.SerializeToString(), images)
        assert np.abs(found - expected).max() <= 1e-4 * (1.0 + np.abs(expected).max())
