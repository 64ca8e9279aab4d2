"""Exports a run as C, verified on all test images, and measures its size."""

from dataclasses import replace

from tinymnist.errors import UsageError
from tinymnist.export.artifact import Artifact
from tinymnist.export.c.calibration import calibration_images, find_ranges
from tinymnist.export.c.compiling import c_compiler, cores, measure
from tinymnist.export.c.float32 import float32_program
from tinymnist.export.c.int8 import int8_program
from tinymnist.export.c.quantization import quantize
from tinymnist.export.c.verification import verify
from tinymnist.export.folding import fold
from tinymnist.training.trained import TrainedNetwork


def export_c(trained: TrainedNetwork, dtype: str, name: str | None = None) -> Artifact:
    """NAME.h and NAME.c of a trained network, by default under its own name. `dtype` is float32 or int8; int8 is
    calibrated on training images of its data.

    Where there is a C compiler (`CC`, or `cc`), the program is compiled and run on all test images. Raises
    `CheckFailed` where it then does not compute what PyTorch does, `UsageError` for what int8 cannot express, for
    data without training images, and for test images that the network was trained on.
    """
    run, model, data = trained.run, trained.model, trained.data
    network = fold(run.spec, model, run.class_names)
    if name is not None:
        network = replace(network, name=name)
    if dtype == "int8":
        if not len(data.train):
            raise UsageError(
                f"{data.name}: has no training images, on which int8 is calibrated: name another --dataset"
            )
        ranges = find_ranges(network, calibration_images(data.train))
        program = int8_program(network, quantize(network, ranges))
    else:
        program = float32_program(network)
    facts: dict[str, int | float | str | bool] = {
        "name": network.name,
        "dtype": dtype,
        "parameters": run.spec.plan.parameters,
        "multiply_adds": run.spec.plan.macs,
        "constant_bytes": program.constant_bytes,
        "scratch_bytes": program.scratch_bytes,
        "dataset": data.name,
    }
    compiler = c_compiler()
    if compiler is None:
        facts["verified"] = False
    else:
        found = verify(program, trained, compiler)
        facts |= {"verified": True, **found.facts}
    for core, flags in cores().items():
        if size := measure(program, flags):
            facts |= {f"{core}_own": size.own, f"{core}_flash": size.flash, f"{core}_stack": size.stack}
    return Artifact(program.files, facts)
