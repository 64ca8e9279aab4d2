"""The JSON of `summary`."""

from tinymnist.cli.outputs.base import Shown, at


class FactorsOutput(Shown):
    """A convolution with a basis, and its multiply-adds in both ways."""

    filters: int
    dense: int
    factored: int


class LayerOutput(Shown):
    name: str
    type: str = at("label")
    input: tuple[int, ...]
    output: tuple[int, ...]
    parameters: int
    buffers: int
    multiply_adds: int = at("macs")
    factors: FactorsOutput | None
    receptive_field: tuple[int, int]


class Output(Shown):
    """What `summary --json` prints."""

    name: str
    parameters: int = at("plan.parameters")
    buffers: int = at("plan.buffers")
    multiply_adds: int = at("plan.macs")
    dense_multiply_adds: int = at("plan.dense_macs")
    torchinfo_mult_adds: int
    receptive_field: tuple[int, int] = at("plan.receptive_field")
    receptive_field_before_global_pooling: tuple[int, int] | None = at("plan.field_before_global_pooling")
    peak_activation_bytes: int = at("plan.peak_activation_bytes")
    int8_ram: int | None
    int8_flash: int | None
    layers: list[LayerOutput] = at("plan.layers")
