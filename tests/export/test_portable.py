"""An ONNX file is read by other programs than onnxruntime, in any of the opsets."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from tests.support.command_line import ARCHS, Cli
from tests.support.models import trained
from tests.support.specs import ACTIVATIONS
from tinymnist import Spec, load_spec
from tinymnist.export.onnx import INPUT, _by_onnxruntime, _by_torch, _convert

EVERYTHING = Spec.model_validate(
    {
        "name": "everything",
        "input": {"channels": 2, "height": 9, "width": 9},
        "classes": 3,
        "blocks": [
            {"convs": [{"out_channels": 4, "activation": name} for name in ACTIVATIONS], "pool": "average"},
            {"convs": [{"out_channels": 4, "norm": {"kind": "group", "groups": 2}}], "residual": "identity"},
            {"convs": [4], "pool": "global_max"},
        ],
    }
)
"""Every activation, a group norm, and a reduction: what older opsets write differently."""
AVERAGED = Spec.model_validate(
    {"name": "averaged", "classes": 3, "blocks": [{"convs": [3]}], "head": {"kind": "global_pool"}}
)
TINY = load_spec(ARCHS / "tiny3130.yaml")


def converted(spec: Spec, folded: bool, opset: int) -> tuple[onnx.ModelProto, torch.Tensor, NDArray[np.float32]]:
    """A network as ONNX, two images for it, and what PyTorch computes of them."""
    model = trained(spec)
    images = torch.randn(2, spec.input.channels, spec.input.height, spec.input.width)
    found = _convert(spec, model, folded=folded, preprocessing=False, opset=opset)
    onnx.checker.check_model(found, full_check=True)
    return found, images, _by_torch(model, images)


def by_reference(model: onnx.ModelProto, images: torch.Tensor) -> Any:
    (found,) = ReferenceEvaluator(model).run(None, {INPUT: images.numpy()})
    return found


def by_opencv(model: onnx.ModelProto, images: torch.Tensor, folder: Path) -> Any:
    path = folder / "net.onnx"
    path.write_bytes(model.SerializeToString())
    network = cv2.dnn.readNetFromONNX(str(path))
    network.setInput(images.numpy())
    return network.forward()


@pytest.mark.parametrize(
    ("spec", "folded"),
    [
        (TINY, False),
        pytest.param(EVERYTHING, False, marks=pytest.mark.slow),
        pytest.param(TINY, True, marks=pytest.mark.slow),
        pytest.param(EVERYTHING, True, marks=pytest.mark.slow),
        pytest.param(AVERAGED, False, marks=pytest.mark.slow),
    ],
    ids=["tiny3130", "everything", "tiny3130, folded", "everything, folded", "averaged"],
)
def test_three_programs_compute_what_pytorch_does(spec: Spec, folded: bool, tmp_path: Path) -> None:
    model, images, expected = converted(spec, folded, 20)
    reference = by_reference(model, images)
    for found in (_by_onnxruntime(model.SerializeToString(), images), reference, by_opencv(model, images, tmp_path)):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_nothing_in_the_file_is_computed_but_the_network() -> None:
    model, _, _ = converted(EVERYTHING, False, 20)
    operators = {node.op_type for node in model.graph.node}
    assert operators.isdisjoint({"Shape", "Constant", "Concat", "Squeeze", "CastLike"})
    tensors = {tensor.name for tensor in model.graph.initializer}
    assert all(node.input[1] in tensors for node in model.graph.node if node.op_type == "Reshape")


@pytest.mark.slow
@pytest.mark.parametrize(
    "opset", [11, *(pytest.param(opset, marks=pytest.mark.slow) for opset in (12, 13, 14, 17, 18, 19))]
)
def test_older_opsets_compute_the_same(opset: int, tmp_path: Path) -> None:
    model, images, expected = converted(EVERYTHING, False, opset)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", opset)]
    assert model.ir_version == onnx.helper.find_min_ir_version_for(model.opset_import)
    for found in (_by_onnxruntime(model.SerializeToString(), images), by_opencv(model, images, tmp_path)):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    if opset >= 14:  # before, the reference evaluator takes every batch norm for one in training
        reference = by_reference(model, images)
        np.testing.assert_allclose(reference, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_onnxruntimes_tools_quantise_the_file(cli: Cli, tmp_path: Path, mnist_dir: Path) -> None:
    from onnxruntime.quantization import CalibrationDataReader, quantize_dynamic, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    from tinymnist.data import load_dataset

    out = tmp_path / "out"
    arguments = ["--output", out, "--data-dir", mnist_dir, "--opset", 13, "--name", "mine"]
    assert cli("export", "tiny3130", "--format", "onnx", *arguments).code == 0
    test = load_dataset("mnist", mnist_dir).test
    images = (test.images[:200].float() / 255 - 0.1307) / 0.3081

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.batches: Iterator[torch.Tensor] = iter(images.split(50))

        def get_next(self) -> dict[str, Any] | None:
            return next(({INPUT: batch.numpy()} for batch in self.batches), None)

    quant_pre_process(out / "mine.onnx", out / "ready.onnx")
    quantize_static(out / "ready.onnx", out / "static.onnx", Reader())
    quantize_dynamic(out / "mine.onnx", out / "dynamic.onnx")
    for name in ("static.onnx", "dynamic.onnx"):
        found = _by_onnxruntime((out / name).read_bytes(), images)
        assert (found.argmax(1) == test.labels[:200].numpy()).mean() > 0.95
