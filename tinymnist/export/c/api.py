"""Exports a run as C, verified on all test images, and measures its size."""

from collections.abc import Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from tinymnist.choices import ExportDtype, Optimize, Project
from tinymnist.errors import UsageError
from tinymnist.export.artifact import Artifact
from tinymnist.export.c.certification import certificate_file, certify
from tinymnist.export.c.compiling import c_compiler, compute_logits, cores_here, measure
from tinymnist.export.c.programs import network_program
from tinymnist.export.c.project import FIRST_CORE, project_files
from tinymnist.export.c.verification import verify
from tinymnist.model.pixels import normalized
from tinymnist.training.score import in_batches
from tinymnist.training.trained import TrainedNetwork

CERTIFICATE = "certificate.json"
CERTIFIED = ("machine", "images", "identical", "instructions_per_image", "flash", "ram", "stack")


def export_c(
    trained: TrainedNetwork,
    dtype: ExportDtype,
    name: str | None = None,
    cores: Sequence[str] = (),
    optimize: Optimize = "size",
    project: Project | None = None,
) -> Artifact:
    """NAME.h and NAME.c of a trained network, by default under its own name. Whole numbers are calibrated on training
    images of its data. For each of `cores`, it is certified: run on that core in QEMU, with a certificate in
    `certificate.json`. With a `project`, files lie around it, with which it is built.

    Where there is a C compiler (`CC`, or `cc`), the program is compiled and run on all test images. Raises
    `CheckFailed` where it then does not compute what PyTorch does, or a core not what this machine does, `UsageError`
    for what whole numbers cannot express, for data without training images, and for test images that the network was
    trained on.
    """
    run, data = trained.run, trained.data
    program = network_program(trained, dtype, optimize, name)
    facts: dict[str, int | float | str | bool] = {
        "name": name or run.spec.name,
        "dtype": dtype,
        "optimize": optimize,
        "parameters": run.spec.plan.parameters,
        "multiply_adds": run.spec.plan.macs,
        "constant_bytes": program.constant_bytes,
        "scratch_bytes": program.scratch_bytes,
        "dataset": data.name,
    }
    compiler = c_compiler()
    images = data.test.images.permute(0, 2, 3, 1).contiguous()
    certificates, logits = [], None
    if compiler is None:
        if cores:
            raise UsageError(
                "--certify: needs a C compiler for this machine too, to compare with: install cc, or set CC"
            )
        facts["verified"] = False
    else:
        logits = compute_logits(program, images, compiler)
        found = verify(program, trained, dtype, logits)
        facts |= {"verified": True, **found.facts}
        certificates = [certify(program, core, images, data.test.labels, logits) for core in cores]
    for core, flags in cores_here().items():
        if size := measure(program, flags):
            facts |= {f"{core}_own": size.own, f"{core}_flash": size.flash, f"{core}_stack": size.stack}
    files = dict(program.files)
    if project is not None:
        core = cores[0] if cores else FIRST_CORE
        facts |= {"project": project} | ({"project_core": core} if project == "make" else {})
        files = project_files(program, project, core, *_example(trained, logits))
    for each in certificates:
        facts |= {f"certified_{each.core.replace('-', '_')}_{key}": getattr(each, key) for key in CERTIFIED}
    if certificates:
        files[CERTIFICATE] = certificate_file(program, dtype, data, certificates)
    return Artifact(files, facts)


def _example(trained: TrainedNetwork, logits: NDArray[Any] | None) -> tuple[Tensor, int]:
    """The first test image that is classified rightly, (height, width, channels) uint8, and its class; if there is
    none, the first image and what it is taken for."""
    test = trained.data.test
    if logits is None:
        inputs = normalized(test.images, trained.run.spec.train.normalize, trained.device)
        found = torch.cat(in_batches(trained.model, inputs)).argmax(1)
    else:
        found = torch.from_numpy(logits.argmax(1))
    first = int((found == test.labels).int().argmax())
    return test.images[first].permute(1, 2, 0), int(found[first])
