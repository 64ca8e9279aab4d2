"""The cost of a trained network in use: each export format is timed in turn, on one thread of this machine."""

import ctypes
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save

from tinymnist.choices import ExportDtype
from tinymnist.errors import CheckFailed, UsageError
from tinymnist.evaluation import score_on_test
from tinymnist.export.artifact import Artifact
from tinymnist.export.c import export_c
from tinymnist.export.c.compiling import c_compiler, shared_library
from tinymnist.export.c.programs import measured_dtypes
from tinymnist.export.onnx import INPUT, export_onnx
from tinymnist.model.pixels import normalized
from tinymnist.training.threads import torch_threads
from tinymnist.training.trained import TrainedNetwork

BATCH = 1000
"""Images at once, when throughput is measured; exported C takes them one by one."""
CALLS, SECONDS = 200, 1.0
"""A time is the median of `CALLS` calls, or of as many as fit into `SECONDS`, but of at least three."""


@dataclass(frozen=True, slots=True)
class Row:
    """One format: bytes of weights or of the file, accuracy in percent, seconds for a single image, images per second.

    Where the format is not available here, `problem` says why, and there are no figures.
    """

    format: str
    bytes: int = 0
    accuracy: float = 0.0
    latency: float = 0.0
    images_per_second: float = 0.0
    problem: str | None = None


def benchmark(trained: TrainedNetwork) -> list[Row]:
    """Exports a network in every format, each verified as `export` does, and times it on the test images."""
    with torch_threads(1):
        return [
            _pytorch(trained),
            _measured("onnx", lambda: _onnx(trained, folded=False)),
            _measured("onnx, folded", lambda: _onnx(trained, folded=True)),
            *(_measured(f"c, {dtype}", partial(_c, trained, dtype)) for dtype in measured_dtypes(trained)),
        ]


def _measured(name: str, measure: Callable[[], Row]) -> Row:
    try:
        return measure()
    except (CheckFailed, UsageError) as error:
        return Row(name, problem=str(error))


def _pytorch(trained: TrainedNetwork) -> Row:
    model, images = trained.model, _images(trained)
    scored = score_on_test(trained)

    @torch.inference_mode()
    def compute(batch: torch.Tensor) -> None:
        model(batch)

    return Row(
        "pytorch",
        len(save(model.state_dict())),
        100.0 * scored.correct / len(trained.data.test),
        _seconds(lambda: compute(images[:1])),
        len(images) / _seconds(lambda: compute(images)),
    )


def _images(trained: TrainedNetwork) -> torch.Tensor:
    return normalized(trained.data.test.images[:BATCH], trained.run.spec.train.normalize, trained.device)


def _onnx(trained: TrainedNetwork, *, folded: bool) -> Row:
    artifact = export_onnx(trained, folded=folded, preprocessing=False)
    from tinymnist.export.onnxruntime import session  # it is there: the export was verified with it

    (content,) = artifact.files.values()
    opened = session(content, threads=1)
    images = _images(trained).numpy()
    one = images[:1]
    return Row(
        "onnx, folded" if folded else "onnx",
        len(content),
        float(artifact.facts["accuracy"]),
        _seconds(lambda: opened.run(None, {INPUT: one})),
        len(images) / _seconds(lambda: opened.run(None, {INPUT: images})),
    )


def _c(trained: TrainedNetwork, dtype: ExportDtype) -> Row:
    compiler = c_compiler()
    if compiler is None:
        raise UsageError("no C compiler here (CC, or cc)")
    artifact = export_c(trained, dtype)
    image = np.ascontiguousarray(trained.data.test.images[0].permute(1, 2, 0).numpy())
    with tempfile.TemporaryDirectory() as work:
        classify = _classify(artifact, Path(work), compiler)
        scratch = np.empty(int(artifact.facts["scratch_bytes"]), np.uint8)
        latency = _seconds(lambda: classify(image.ctypes.data, scratch.ctypes.data))
    return Row(
        f"c, {dtype}", int(artifact.facts["constant_bytes"]), float(artifact.facts["accuracy"]), latency, 1 / latency
    )


def _classify(artifact: Artifact, folder: Path, compiler: Sequence[str]) -> Callable[[int, int], int]:
    library = ctypes.CDLL(str(shared_library(artifact.files, folder, compiler)))
    name = next(Path(file).stem for file in artifact.files)
    classify = library[f"{name}_classify"]
    classify.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    return classify


def _seconds(call: Callable[[], object]) -> float:
    """The median time of a call."""
    call()
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < 3 or (len(times) < CALLS and time.perf_counter() - began < SECONDS):
        before = time.perf_counter()
        call()
        times.append(time.perf_counter() - before)
    return statistics.median(times)
