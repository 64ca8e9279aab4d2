"""The C text: which networks the engine covers, and what a spec can put into the text."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.networks import NETWORKS
from tinymnist import Spec
from tinymnist.model import build_model
from tinymnist.native import NotCoveredError, find_compiler
from tinymnist.native.compiler import load_library
from tinymnist.native.source import c_source
from tinymnist.native.tracing import FUNCTIONS, graph_of


def test_what_is_not_covered_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = Spec.model_validate({"name": "made", "blocks": [{"convs": [{"out_channels": 4, "activation": "silu"}]}]})
    monkeypatch.delitem(FUNCTIONS, "silu")
    with pytest.raises(NotCoveredError, match="silu is not covered"):
        graph_of(spec.plan, build_model(spec))


def test_a_large_network_is_left_to_torch() -> None:
    spec = Spec.model_validate({"name": "wide", "blocks": [{"convs": [2500], "pool": "global_average"}]})
    with pytest.raises(NotCoveredError, match="2,500 channels, more than the 2,000 that it is made for"):
        graph_of(spec.plan, build_model(spec))


# What a spec can put into the C text

HOSTILE = 'x";system("id");//'


def test_no_name_reaches_the_c_text() -> None:
    plain = NETWORKS["residual paths, shared weights"]
    named = json.loads(json.dumps(plain).replace("twice", "system"))
    specs = [
        Spec.model_validate({"name": "made", **plain}),
        Spec.model_validate({"name": "int.main", "description": HOSTILE, "train": {"chosen_on": HOSTILE}, **named}),
    ]
    one, other = (c_source(graph_of(spec.plan, build_model(spec)), 16) for spec in specs)
    assert one == other


@pytest.mark.parametrize("value", [HOSTILE, "1.0", float("nan"), float("inf"), None, True, b"1"], ids=repr)
@pytest.mark.parametrize(("layer", "key"), [("norm1", "eps"), ("norm1", "momentum"), ("dropout1", "p")])
def test_what_is_not_a_finite_number_is_refused(layer: str, key: str, value: object) -> None:
    """A spec cannot hold such a value either: this is the second check."""
    blocks = [{"name": "b", "convs": [{"out_channels": 4, "dropout": 0.5}]}]
    spec = Spec.model_validate({"name": "made", "blocks": blocks})
    model = build_model(spec)
    module: Any = model.get_submodule(f"b.{layer}")
    setattr(module, key, value)
    with pytest.raises(NotCoveredError, match="a value of a layer is not a finite number"):
        c_source(graph_of(spec.plan, model), 16)


EXTREMES = {
    "smallest": {"eps": 5e-324, "momentum": 5e-324, "p": 5e-324},
    "largest": {"eps": 1.0, "momentum": 1.0, "p": 1 - 2**-53},
    "long": {"eps": 1 / 3, "momentum": 1e-17, "p": 0.1 + 0.2},
}


@pytest.mark.slow
@pytest.mark.parametrize("values", EXTREMES.values(), ids=EXTREMES.keys())
def test_extreme_values_are_c_that_compiles(values: dict[str, float], tmp_path: Path) -> None:
    norm = {"kind": "batch", "eps": values["eps"], "momentum": values["momentum"]}
    blocks = [{"convs": [{"out_channels": 4, "norm": norm, "dropout": values["p"]}], "pool": "average"}]
    spec = Spec.model_validate({"name": "made", "blocks": blocks})
    load_library(c_source(graph_of(spec.plan, build_model(spec)), 16), find_compiler(), tmp_path / "cache" / "native")


def test_a_dilated_convolution_is_left_to_torch() -> None:
    spec = Spec.model_validate({"name": "made", "blocks": [{"convs": [{"out_channels": 4, "dilation": 2}]}]})
    with pytest.raises(NotCoveredError, match="a dilated convolution is not covered"):
        graph_of(spec.plan, build_model(spec))


def test_a_convolution_far_beyond_the_image_is_left_to_torch() -> None:
    conv = {"out_channels": 4, "kernel_size": 1, "padding": 1000, "stride": 1000}
    spec = Spec.model_validate({"name": "made", "blocks": [{"convs": [conv]}]})
    with pytest.raises(NotCoveredError, match="4,112,784 values in a padded image"):
        graph_of(spec.plan, build_model(spec))


@pytest.mark.parametrize(
    "block",
    [
        {"convs": [{"out_channels": 4, "kernel_size": 1, "padding": 10**9, "stride": 10**9}]},
        {"convs": [4], "pool": {"kind": "max", "kernel_size": 10**9, "padding": 5 * 10**8}},
    ],
    ids=["convolution", "pooling"],
)
def test_windows_of_a_billion_are_refused_by_the_spec(block: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="less than or equal to 1000"):
        Spec.model_validate({"name": "made", "blocks": [block]})
