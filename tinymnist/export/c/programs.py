"""The C program of a trained network."""

from dataclasses import replace

from tinymnist.choices import ExportDtype, Optimize
from tinymnist.errors import UsageError
from tinymnist.export.c.float32 import float32_program
from tinymnist.export.c.integer import integer_program
from tinymnist.export.c.program import Program
from tinymnist.folded.folding import fold
from tinymnist.quantization.ranges import calibration_images, find_ranges
from tinymnist.quantization.scheme import quantize
from tinymnist.training.trained import TrainedNetwork


def measured_dtypes(trained: TrainedNetwork) -> list[ExportDtype]:
    """The forms of a network that benchmarks measure: with fewer bits than int8, only what it was trained for."""
    dtype = trained.run.spec.train.quantize
    return ["float32", "int8", *([dtype] if dtype and dtype != "int8" else [])]


def network_program(
    trained: TrainedNetwork, dtype: ExportDtype, optimize: Optimize, name: str | None = None
) -> Program:
    """A trained network in C, by default under its own name. Whole numbers are calibrated on training images of its
    data. Raises `UsageError` for what they cannot express, and for data without training images."""
    network = fold(trained.run.spec, trained.model, trained.run.class_names)
    if name is not None:
        network = replace(network, name=name)
    if dtype == "float32":
        return float32_program(network, optimize)
    data = trained.data
    if not len(data.train):
        raise UsageError(f"{data.name}: has no training images, on which {dtype} is calibrated: name another --dataset")
    ranges = find_ranges(network, calibration_images(data.train))
    return integer_program(network, quantize(network, *ranges, dtype), optimize)
