"""Torchinfo's table of a network, and the counts of `plan` beside it."""

import io
import warnings
from contextlib import redirect_stdout
from dataclasses import dataclass

import torchinfo

from tinymnist.model.builder import build_model
from tinymnist.model.generator import drawing
from tinymnist.quiet import own_warning_filters
from tinymnist.spec import Plan, Spec
from tinymnist.spec.flash import int8_flash
from tinymnist.spec.scratch import int8_ram


@dataclass(frozen=True, slots=True)
class Summary:
    """A network's table and counts."""

    name: str
    table: str
    """torchinfo's table."""
    torchinfo_mult_adds: int
    """torchinfo's count of multiply-adds for one image, which includes biases and norms."""
    plan: Plan

    @property
    def int8_ram(self) -> int | None:
        """Bytes of scratch memory of the int8 program in C; None where there is none."""
        return int8_ram(self.plan)

    @property
    def int8_flash(self) -> int | None:
        """Bytes of its code and constants on a Cortex-M0+, as estimated; None where there is no such program."""
        return int8_flash(self.plan)


def summarize(spec: Spec) -> Summary:
    """Builds the network of `spec` and has torchinfo make its table. Raises `SpecError` if it is too large."""
    shape = (1, spec.input.channels, spec.input.height, spec.input.width)
    with drawing(0), own_warning_filters(), redirect_stdout(io.StringIO()):
        model = build_model(spec)
        warnings.simplefilter("ignore")
        statistics = torchinfo.summary(model, input_size=shape, depth=10, verbose=0, device="cpu")
    return Summary(spec.name, str(statistics), int(statistics.total_mult_adds), spec.plan)
