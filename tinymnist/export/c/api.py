"""The door: a run to C, verified on all test images, with its sizes."""

from dataclasses import dataclass

import numpy as np
import torch

from tinymnist.data import Dataset
from tinymnist.errors import CheckFailed
from tinymnist.evaluation import refuse_training_images
from tinymnist.export.artifact import Artifact
from tinymnist.export.c.calibration import calibration_images, find_ranges
from tinymnist.export.c.compiling import c_compiler, compute_logits, cores, measure
from tinymnist.export.c.float32 import float32_program
from tinymnist.export.c.int8 import int8_program
from tinymnist.export.c.program import Program
from tinymnist.export.c.quantization import quantize
from tinymnist.export.network import fold
from tinymnist.training import Run
from tinymnist.training.score import BATCH_SIZE, normalized

LARGEST_DIFFERENCE = 1e-3
"""Between logarithms of probabilities, of float32 and PyTorch; sums in another order make about 1e-5."""
LARGEST_LOSS = 0.3
"""Points of accuracy that whole numbers may cost."""


def export_c(run: Run, data: Dataset, dtype: str) -> Artifact:
    """NAME.h and NAME.c of a trained network, in `dtype` float32 or int8; int8 is calibrated on training images of `data`.

    With a C compiler (`CC`, or `cc`) it is compiled and run on all test images. Raises `CheckFailed` where it then does
    not compute what PyTorch does, `UsageError` for what int8 cannot express and for test images that were trained on.
    """
    refuse_training_images(run, data)
    model = run.load_model()
    network = fold(run.spec, model)
    if dtype == "int8":
        ranges = find_ranges(network, calibration_images(data.train))
        program = int8_program(network, quantize(network, ranges))
    else:
        program = float32_program(network)
    facts: dict[str, int | float | str | bool] = {
        "name": run.spec.name,
        "dtype": dtype,
        "parameters": run.spec.plan.parameters,
        "multiply_adds": run.spec.plan.macs,
        "constant_bytes": program.constant_bytes,
        "scratch_bytes": program.scratch_bytes,
        "dataset": data.name,
    }
    lines = [
        f"{run.spec.name} as C99, {dtype}: {facts['multiply_adds']:,} multiply-adds, "
        f"{program.constant_bytes:,} bytes of constants, {program.scratch_bytes:,} bytes of scratch memory"
    ]
    compiler = c_compiler()
    if compiler is None:
        facts["verified"] = False
        lines.append("not verified: no C compiler here (CC, or cc)")
    else:
        found = _verify(program, run, model, data, compiler)
        facts |= {"verified": True, **found.facts}
        lines.append(found.line)
    for core, flags in cores().items():
        size = measure(program, flags)
        facts |= {f"{core}_own": size.own, f"{core}_flash": size.flash, f"{core}_stack": size.stack}
        lines.append(
            f"{core}: {size.own:,} bytes of flash for code and constants, {size.flash:,} with library functions; "
            f"stack at most {size.stack:,}, without theirs"
        )
    return Artifact(program.files, facts, tuple(lines))


@dataclass(frozen=True, slots=True)
class Verification:
    """What the compiled program gave on the test images, beside PyTorch. Accuracies are percent."""

    dataset: str
    n: int
    accuracy: float
    pytorch_accuracy: float
    changed: int
    """Images of another class than PyTorch's."""
    largest_difference: float
    """Between logarithms of probabilities."""

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
            f"{self.accuracy:.2f} % of the {self.n:,} test images of {self.dataset} (PyTorch: "
            f"{self.pytorch_accuracy:.2f} %); {self.changed:,} of another class; logarithms of probabilities differ by at "
            f"most {self.largest_difference:.2g}"
        )


def _verify(
    program: Program, run: Run, model: torch.nn.Module, data: Dataset, compiler: tuple[str, ...]
) -> Verification:
    images, labels = data.test.images, data.test.labels
    with torch.inference_mode():
        batches = normalized(images, run.spec.train.normalize, torch.device("cpu")).split(BATCH_SIZE)
        expected = torch.cat([model(batch) for batch in batches]).double().log_softmax(1)
    logits = compute_logits(program, images, compiler).astype(np.float64) * program.logit_scale
    found = torch.from_numpy(logits).log_softmax(1)
    verification = Verification(
        dataset=data.name,
        n=len(images),
        accuracy=100 * int((found.argmax(1) == labels).sum()) / len(images),
        pytorch_accuracy=100 * int((expected.argmax(1) == labels).sum()) / len(images),
        changed=int((found.argmax(1) != expected.argmax(1)).sum()),
        largest_difference=float((found - expected).abs().max()),
    )
    exact = program.element == "float"
    if exact and (verification.changed or not verification.largest_difference <= LARGEST_DIFFERENCE):
        raise CheckFailed(f"exported C does not compute what PyTorch does: {verification.line}")
    if verification.accuracy < verification.pytorch_accuracy - LARGEST_LOSS - 1e-9:
        raise CheckFailed(
            f"--dtype int8: costs more than {LARGEST_LOSS} points: {verification.line}: export float32 instead"
        )
    return verification
