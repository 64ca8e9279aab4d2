"""The C program of a trained network."""

from dataclasses import replace

from tinymnist.choices import Optimize
from tinymnist.errors import UsageError
from tinymnist.export.c.float32 import float32_program
from tinymnist.export.c.int8 import int8_program
from tinymnist.export.c.program import Program
from tinymnist.folded.folding import fold
from tinymnist.quantization.ranges import calibration_images, find_ranges
from tinymnist.quantization.scheme import quantize
from tinymnist.training.trained import TrainedNetwork


def network_program(trained: TrainedNetwork, dtype: str, optimize: Optimize, name: str | None = None) -> Program:
    """A trained network in C, by default under its own name. `dtype` is float32 or int8; int8 is calibrated on training
    images of its data. Raises `UsageError` for what int8 cannot express, and for data without training images."""
    network = fold(trained.run.spec, trained.model, trained.run.class_names)
    if name is not None:
        network = replace(network, name=name)
    if dtype == "float32":
        return float32_program(network, optimize)
    data = trained.data
    if not len(data.train):
        raise UsageError(f"{data.name}: has no training images, on which int8 is calibrated: name another --dataset")
    ranges = find_ranges(network, calibration_images(data.train))
    return int8_program(network, quantize(network, *ranges), optimize)
