"""Checks that the page computes what the run's network does, by running the page's own program in node if there is
one."""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from tinymnist.errors import CheckFailed
from tinymnist.evaluation import score_on_test
from tinymnist.export.page.html import source
from tinymnist.folded.interpreter import values
from tinymnist.folded.network import Network
from tinymnist.model.pixels import normalized
from tinymnist.text import shown
from tinymnist.training.score import in_batches
from tinymnist.training.trained import TrainedNetwork

TOLERANCE = 1e-4
"""Largest allowed difference of an output from PyTorch's, relative to it where it is above 1."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What was compared with the run's network in PyTorch, and how close it came."""

    program: str
    """`node v20.20.2`, or `pytorch` if there is no node and only the folded network was computed."""
    n: int
    """Images."""
    correct: int
    largest_difference: float
    """The largest difference of any output for any image."""

    @property
    def accuracy(self) -> float:
        """Percent."""
        return 100.0 * self.correct / self.n


def verify(trained: TrainedNetwork, network: Network, text: str) -> Verification:
    """Compares all outputs for the test images; `text` is the network in JSON.

    Raises `CheckFailed` if an output differs, `DataError` for a network whose loss is not finite.
    """
    run, model, data = trained.run, trained.model, trained.data
    score_on_test(trained)
    images = normalized(data.test.images, network.normalize, torch.device("cpu"))
    expected = torch.cat(in_batches(model, images))
    if node := shutil.which("node"):
        program, logits = f"node {_version(node)}", node_logits(node, text, data.test.images)
    else:
        program = "pytorch"
        logits = torch.cat(in_batches(lambda batch: values(network, batch)[-1].flatten(1), images))
    outputs = logits.log_softmax(1) if isinstance(list(model.modules())[-1], nn.LogSoftmax) else logits
    differences = (outputs - expected).abs()
    if not bool((differences <= TOLERANCE * expected.abs().clamp(min=1)).all()):
        raise CheckFailed(
            f"{run.path}: the page would not compute what the network does: by {program}, an output differs by "
            f"{float(differences.max()):.2g}: nothing was written"
        )
    correct = int((outputs.argmax(1) == data.test.labels).sum())
    return Verification(program, len(outputs), correct, float(differences.max()))


def node_logits(node: str, text: str, images: Tensor) -> Tensor:
    """Logits (N, classes) that the page's own program computes in `node` (a path) for uint8 images (N, …).

    Raises `CheckFailed` if the program fails.
    """
    with tempfile.TemporaryDirectory(prefix="tinymnist-") as folder:
        script, network, bytes_of_images, logits = (
            Path(folder, name) for name in ("check.js", "network.json", "images", "logits")
        )
        script.write_text(source("network.js") + source("check.js"), encoding="utf-8")
        network.write_text(text, encoding="utf-8")
        bytes_of_images.write_bytes(images.numpy().tobytes())
        done = subprocess.run(
            [node, script, network, bytes_of_images, logits], capture_output=True, text=True, encoding="utf-8"
        )
        if done.returncode != 0:
            gist = next((line for line in done.stderr.splitlines() if "Error" in line), f"exit code {done.returncode}")
            raise CheckFailed(f"{node}: cannot run the page's program ({shown(gist)[1:-1]}): install a newer node")
        found = np.fromfile(logits, "<f4").astype(np.float32)
    return torch.from_numpy(found).reshape(len(images), -1)


def _version(node: str) -> str:
    return subprocess.run([node, "--version"], capture_output=True, text=True, encoding="utf-8").stdout.strip()
