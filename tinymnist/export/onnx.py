"""A trained network as ONNX, made by PyTorch's exporter and verified with onnxruntime."""

import json
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tinymnist.errors import CheckFailed, UsageError
from tinymnist.export.artifact import Artifact, public_name
from tinymnist.export.portable import NEWEST_OPSET, make_portable
from tinymnist.model.pixels import normalized
from tinymnist.spec import Spec
from tinymnist.spec.recipe import Normalize
from tinymnist.training import Run
from tinymnist.training.score import in_batches
from tinymnist.training.trained import TrainedNetwork

if TYPE_CHECKING:
    import onnx

INPUT = "images"
CHANNELS = {1: "grey", 3: "RGB"}


class _FromPixels(nn.Module):
    """A network with its normalisation in front, which takes uint8 images."""

    def __init__(self, network: nn.Module, normalize: Normalize) -> None:
        super().__init__()
        self.network = network
        self.scale, self.shift = normalize.scale_and_shift

    def forward(self, images: Tensor) -> Tensor:
        output: Tensor = self.network(images.float() * self.scale + self.shift)
        return output


def export_onnx(
    trained: TrainedNetwork, *, folded: bool, preprocessing: bool, opset: int = NEWEST_OPSET, name: str | None = None
) -> Artifact:
    """Makes `NAME.onnx` of a trained network, by default under its own name, and compares it with PyTorch on its test
    images.

    Its input `images` is (n, channels, height, width) for any n: normalised float32, or uint8 pixels with
    `preprocessing`. With `folded`, batch norms are folded into the convolutions before them, unless they share
    weights. Raises `CheckFailed` if onnxruntime gives another class for an image, `UsageError` if a package is missing.
    """
    run, model, data = trained.run, trained.model, trained.data
    name = name or run.spec.name
    exported = _convert(run.spec, model, folded=folded, preprocessing=preprocessing, opset=opset)
    for key, value in {"name": name, **_metadata(run, preprocessing)}.items():
        exported.metadata_props.add(key=key, value=value)
    content = exported.SerializeToString()
    images = normalized(data.test.images, run.spec.train.normalize, torch.device("cpu"))
    expected = _by_torch(model, images)
    found = _by_onnxruntime(content, data.test.images if preprocessing else images)
    differing = int((expected.argmax(1) != found.argmax(1)).sum())
    largest = float(np.abs(expected - found).max())
    if differing:
        raise CheckFailed(
            f"{run.path}: onnxruntime gives another class for {differing:,} of {len(images):,} images "
            f"(largest difference {largest:.2g}): nothing was written"
        )
    accuracy = 100.0 * float((found.argmax(1) == data.test.labels.numpy()).mean())
    return Artifact(
        files={f"{name}.onnx": content},
        facts={
            "name": name,
            "parameters": run.spec.plan.parameters,
            "operators": len(exported.graph.node),
            "opset": opset,
            "input": INPUT,
            "input_type": "uint8" if preprocessing else "float32",
            "input_shape": f"(n, {', '.join(map(str, _shape(run.spec)))})",
            "output": exported.graph.output[0].name,
            "output_shape": f"(n, {run.spec.classes})",
            "dataset": data.name,
            "n": len(images),
            "accuracy": accuracy,
            "largest_difference": largest,
        },
    )


def _convert(
    spec: Spec, model: nn.Module, *, folded: bool, preprocessing: bool, opset: int = NEWEST_OPSET
) -> "onnx.ModelProto":
    try:
        import onnx_ir.passes.common as passes
        import onnxscript  # noqa: F401 - if one is missing, say so before the work

        import tinymnist.export.onnxruntime  # noqa: F401
    except ImportError as error:
        raise UsageError(f'--format onnx needs {error.name}: pip install "tinymnist[onnx]"') from None
    if preprocessing:
        model = _FromPixels(model, spec.train.normalize)
    program = torch.onnx.export(
        model.eval(),
        (
            torch.zeros(2, *_shape(spec), dtype=torch.uint8 if preprocessing else torch.float32),
        ),  # a batch of 1 would become a constant
        dynamo=True,
        opset_version=NEWEST_OPSET,
        input_names=[INPUT],
        output_names=["log_probabilities" if spec.head.activation == "log_softmax" else "logits"],
        dynamic_shapes=({0: torch.export.Dim("n")},),
        optimize=folded,
        verbose=False,
    )
    assert program is not None
    make_portable(program.model, opset)
    passes.ClearMetadataAndDocStringPass()(program.model)
    return program.model_proto


def _metadata(run: Run, preprocessing: bool) -> dict[str, str]:
    normalize = {"scale": "1/255", **run.spec.train.normalize.model_dump()}
    return {
        "labels": json.dumps(run.class_names),
        "channels": CHANNELS[run.spec.input.channels],
        "normalization": "within" if preprocessing else json.dumps(normalize),
        "trained_on": public_name(run.environment.dataset),
        "weights_sha256": run.result.weights_sha256,
    }


def _shape(spec: Spec) -> tuple[int, int, int]:
    return (spec.input.channels, spec.input.height, spec.input.width)


def _by_torch(model: nn.Module, images: Tensor) -> NDArray[np.float32]:
    return torch.cat(in_batches(model, images)).numpy()


def _by_onnxruntime(content: bytes, images: Tensor) -> NDArray[np.float32]:
    from tinymnist.export.onnxruntime import session

    opened = session(content)
    return np.concatenate(in_batches(lambda batch: opened.run(None, {INPUT: batch.numpy()})[0], images))
