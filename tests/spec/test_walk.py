"""The torch-free counts: exact for known networks, and equal to those of the built module for every valid spec."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torchinfo
from hypothesis import HealthCheck, given, settings
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tests.support.command_line import ARCHS
from tests.support.specs import specs
from tinymnist import Spec, build_model, load_spec
from tinymnist.model import summarize
from tinymnist.model.basis import BasisConv2d
from tinymnist.model.layers import Residual, SharedConv2d

CONTAINERS = (nn.Sequential, nn.Identity)


def layers_as_torch_runs_them(spec: Spec) -> tuple[list[tuple[str, tuple[int, ...], int, int]], int]:
    """Name, output shape, new parameters and buffers of each layer in the order they run; and multiply-adds."""
    model = build_model(spec).eval()
    names: dict[int, list[str]] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        names.setdefault(id(module), []).append(name)
    rows: list[tuple[str, tuple[int, ...], int, int]] = []
    seen: set[int] = set()

    def record(module: nn.Module, _: object, output: torch.Tensor) -> None:
        name = names[id(module)].pop(0)
        if isinstance(module, CONTAINERS):
            return
        own = [] if isinstance(module, Residual) else list(module.parameters())
        new = [parameter for parameter in own if id(parameter) not in seen]
        seen.update(id(parameter) for parameter in new)
        buffers = [] if isinstance(module, Residual) else list(module.buffers())
        rows.append((name, tuple(output.shape[1:]), sum(p.numel() for p in new), sum(b.numel() for b in buffers)))

    for module in model.modules():
        module.register_forward_hook(record)
    images = torch.zeros(1, spec.input.channels, spec.input.height, spec.input.width)
    with FlopCounterMode(display=False) as flops, torch.no_grad():
        model(images)
    return rows, flops.get_total_flops() // 2 - sum(map(composition, model.modules()))


def composition(module: nn.Module) -> int:
    """The multiply-adds by which a convolution makes its weight of a basis."""
    source = module.source if isinstance(module, SharedConv2d) else module
    return source.mix.numel() * source.filters[0].numel() if isinstance(source, BasisConv2d) else 0


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(spec=specs())
def test_counts_equal_those_of_the_built_module(spec: Spec) -> None:
    rows, macs = layers_as_torch_runs_them(spec)
    assert [(layer.name, layer.output, layer.parameters, layer.buffers) for layer in spec.plan.layers] == rows
    assert spec.plan.parameters == sum(p.numel() for p in build_model(spec).parameters())
    assert spec.plan.dense_macs == macs


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(spec=specs())
def test_the_plan_is_the_graph_of_the_built_module(spec: Spec) -> None:
    """Running module by module along its sources gives what the model gives; its windows are the modules'."""
    model = build_model(spec).eval()
    images = torch.randn(2, spec.input.channels, spec.input.height, spec.input.width)
    values = [images]
    with torch.no_grad():
        for layer in spec.plan.layers:
            module: Any = model.get_submodule(layer.name)
            inputs, window = [values[source] for source in layer.sources], layer.window
            values.append(sum(inputs[1:], inputs[0]) if layer.kind == "add" else module(inputs[0].clone()))
            if window is not None and not layer.label.startswith("global_"):
                kernel = (module.source if isinstance(module, SharedConv2d) else module).kernel_size
                found = (kernel, module.stride, module.padding, getattr(module, "ceil_mode", False))
                assert found == (window.kernel, window.stride, window.padding, window.ceil)
        assert torch.equal(values[-1], model(images))


@pytest.mark.parametrize("arch", sorted(ARCHS.glob("*.yaml")), ids=lambda path: path.stem)
def test_counts_of_packaged_architectures_equal_torchinfo(arch: Path) -> None:
    spec = load_spec(arch)
    statistics = torchinfo.summary(build_model(spec), (1, 1, 28, 28), verbose=0, depth=10, device="cpu")
    rows = [info for info in statistics.summary_list if info.class_name not in ("Identity", "Basis")]
    leaves = [info for info in rows if info.is_leaf_layer or info.class_name == "BasisConv2d"]
    planned = [layer for layer in spec.plan.layers if layer.kind != "add"]
    assert statistics.total_params == spec.plan.parameters
    assert [info.output_size[1:] for info in leaves] == [list(layer.output) for layer in planned]
    assert [info.num_params for info in leaves] == [layer.parameters for layer in planned]


def test_tiny3130_in_every_figure() -> None:
    plan = load_spec(ARCHS / "tiny3130.yaml").plan
    assert (plan.parameters, plan.buffers, plan.macs) == (3130, 2 * 38 + 5, 530_100)
    assert plan.receptive_field == (28, 28)
    assert plan.peak_activation_bytes == 4 * (2 * 6 * 28 * 28)  # the second convolution's input and output
    assert [sum(layer.parameters for layer in layers) for layers in plan.blocks.values()] == [414, 1056, 750, 910]
    assert plan.features == {"batch_norm": 5, "bias": 6, "dropout": 3, "linear": 1, "max_pool": 3}


def test_torchinfo_counts_more_multiply_adds() -> None:
    assert summarize(load_spec(ARCHS / "tiny3130.yaml")).torchinfo_mult_adds == 543_220


def test_shared_weights_count_once() -> None:
    block = {"convs": [4], "norm": "none"}
    shared = [{"name": "a", "convs": [4]}, {"name": "b", "convs": [4], "repeat": 3, "share_weights": True}]
    again = {"convs": [4], "weights_from": "b"}
    spec = Spec.model_validate({"name": "s", "blocks": [*shared, again], "defaults": {"norm": block["norm"]}})
    convolutions = [layer.parameters for layer in spec.plan.layers if layer.kind == "conv"]
    assert convolutions == [40, 148, 0, 0, 0]
    assert spec.plan.features["shared_weights"] == 3


@pytest.mark.parametrize(
    ("residual", "numbers"),
    [
        ("none", 4 * 64 + 4 * 64),  # the second convolution: in and out
        ("identity", 4 * 64 + 4 * 64 + 4 * 64),  # and the block's own input waits beside them
    ],
)
def test_peak_memory_counts_what_waits_for_a_residual_addition(residual: str, numbers: int) -> None:
    blocks = [{"convs": [4]}, {"convs": [4, 4], "residual": residual}]
    spec = Spec.model_validate({"name": "r", "input": {"height": 8, "width": 8}, "blocks": blocks})
    assert spec.plan.peak_activation_bytes == 4 * numbers


def test_peak_memory_holds_a_separable_blocks_input_beside_its_second_half() -> None:
    blocks = [{"convs": [4]}, {"convs": [{"kind": "separable", "out_channels": 4}], "residual": "identity"}]
    spec = Spec.model_validate({"name": "r", "input": {"height": 8, "width": 8}, "blocks": blocks})
    assert spec.plan.peak_activation_bytes == 4 * 3 * 4 * 64


@pytest.mark.parametrize(
    "convs",
    [[3], [3, 3], [{"out_channels": 2, "kernel_size": 5, "stride": 2}, {"kind": "separable", "out_channels": 2}]],
    ids=["one", "two", "strided separable"],
)
def test_receptive_field_is_where_gradients_reach(convs: list[object]) -> None:
    blocks = [{"convs": convs, "pool": "average"}, {"convs": [2], "pool": "average"}]
    content = {"name": "r", "input": {"height": 64, "width": 64}, "blocks": blocks, "defaults": {"activation": "none"}}
    spec = Spec.model_validate(content)
    model = build_model(spec).eval()
    for parameter in model.parameters():
        nn.init.constant_(parameter, 0.1)
    images = torch.zeros(1, 1, 64, 64, requires_grad=True)
    features = model[:-1](images)
    features[0, 0, features.shape[2] // 2, features.shape[3] // 2].backward()
    assert images.grad is not None
    touched = images.grad[0, 0].nonzero()
    size = (touched.max(0).values - touched.min(0).values + 1).tolist()
    assert tuple(size) == spec.plan.receptive_field


def test_huge_sizes_are_counted_exactly() -> None:
    spec = Spec.model_validate({"name": "h", "blocks": [{"convs": [10**9, 10**9], "pool": "global_average"}]})
    billion = 10**9
    assert spec.plan.parameters == (9 + 1 + 2) * billion + (9 * billion + 1 + 2) * billion + (billion + 1) * 10


@pytest.mark.parametrize(
    ("conv", "macs"),
    [
        ({"out_channels": 6}, [6 * 8 * 10 * 4 * 9]),
        ({"out_channels": 6, "groups": 2}, [6 * 8 * 10 * 2 * 9]),
        ({"out_channels": 6, "kernel_size": [1, 3], "stride": [2, 1]}, [6 * 4 * 10 * 4 * 3]),
        ({"kind": "depthwise", "out_channels": 8}, [8 * 8 * 10 * 9]),
        ({"kind": "separable", "out_channels": 6}, [4 * 8 * 10 * 9, 6 * 8 * 10 * 4]),
    ],
    ids=["dense", "grouped", "strided", "depthwise", "separable"],
)
def test_multiply_adds_are_outputs_times_what_each_one_sees(conv: dict[str, Any], macs: list[int]) -> None:
    content = {"name": "m", "input": {"channels": 4, "height": 8, "width": 10}, "blocks": [{"convs": [conv]}]}
    assert [layer.macs for layer in Spec.model_validate(content).plan.layers if layer.kind == "conv"] == macs
