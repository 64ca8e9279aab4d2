"""Compares an exported program with PyTorch, on all test images."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tinymnist.choices import ExportDtype
from tinymnist.errors import CheckFailed
from tinymnist.export.c.program import Program
from tinymnist.model.pixels import normalized
from tinymnist.training.score import in_batches
from tinymnist.training.trained import TrainedNetwork

LARGEST_DIFFERENCE = 1e-3
"""Between log-probabilities, of float32 and PyTorch; sums in another order make about 1e-5."""
LARGEST_LOSS = 0.3
"""Points of accuracy that whole numbers may cost."""
FEW = 1000
"""Test images, fewer than which they may cost as many as of this number: chance alone changes that many."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What the compiled program gave on the test images, compared with PyTorch. Accuracies are in percent."""

    dataset: str
    n: int
    accuracy: float
    pytorch_accuracy: float
    changed: int
    """Images to which it gives another class than PyTorch."""
    largest_difference: float
    """Between log-probabilities."""

    @property
    def facts(self) -> dict[str, int | float]:
        return {
            "n": self.n,
            "accuracy": self.accuracy,
            "pytorch_accuracy": self.pytorch_accuracy,
            "changed": self.changed,
            "largest_difference": self.largest_difference,
        }

    @property
    def line(self) -> str:
        return (
            f"{self.accuracy:.2f} % of the {self.n:,} test images of {self.dataset}, "
            f"PyTorch {self.pytorch_accuracy:.2f} %; {self.changed:,} classified differently; "
            f"log-probabilities differ by at most {self.largest_difference:.2g}"
        )


def verify(program: Program, trained: TrainedNetwork, dtype: ExportDtype, logits: NDArray[Any]) -> Verification:
    """Compares what the program has computed of all test images, logits (N, classes), with the model. Raises
    `CheckFailed`."""
    images, labels = trained.data.test.images, trained.data.test.labels
    inputs = normalized(images, trained.run.spec.train.normalize, trained.device)
    expected = torch.cat(in_batches(trained.model, inputs)).double().log_softmax(1)
    found = torch.from_numpy(logits.astype(np.float64) * program.logit_scale).log_softmax(1)
    verification = Verification(
        dataset=trained.data.name,
        n=len(images),
        accuracy=100 * int((found.argmax(1) == labels).sum()) / len(images),
        pytorch_accuracy=100 * int((expected.argmax(1) == labels).sum()) / len(images),
        changed=int((found.argmax(1) != expected.argmax(1)).sum()),
        largest_difference=float((found - expected).abs().max()),
    )
    if dtype == "float32" and (verification.changed or not verification.largest_difference <= LARGEST_DIFFERENCE):
        raise CheckFailed(f"exported C does not compute what PyTorch does: {verification.line}")
    most = LARGEST_LOSS * max(1.0, FEW / verification.n)
    if verification.accuracy < verification.pytorch_accuracy - most - 1e-9:
        what = f"{LARGEST_LOSS} points" if verification.n >= FEW else f"{LARGEST_LOSS * FEW / 100:.0f} images"
        raise CheckFailed(f"--dtype {dtype}: costs more than {what}: {verification.line}: {_remedy(trained, dtype)}")
    return verification


def _remedy(trained: TrainedNetwork, dtype: ExportDtype) -> str:
    if trained.run.spec.train.quantize == dtype:
        return "export another --dtype, or quantize the run that it began with again, with more --epochs"
    finer, option = ("float32", "") if dtype == "int8" else ("int8", f" --dtype {dtype}")
    return f"export {finer} instead, or train the network on with `tinymnist quantize RUN{option}`"
