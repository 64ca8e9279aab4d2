"""No layer is half-added: every program that runs a network knows each value of each enumerated type."""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import torch

import tinymnist
from tests.support.exported import difference_in_node, difference_of_float32, difference_of_integers, folded
from tests.support.models import trained
from tests.support.native_reference import differences
from tinymnist import Spec
from tinymnist.errors import UsageError
from tinymnist.export.c.compiling import FLAGS, c_compiler
from tinymnist.folded.interpreter import values
from tinymnist.folded.network import Activation as Folded
from tinymnist.folded.network import Convolution
from tinymnist.native.chains import CHEAP
from tinymnist.native.source import c_source
from tinymnist.native.tracing import FUNCTIONS, graph_of
from tinymnist.quantization.scheme import quantize
from tinymnist.spec.layers import (
    Activation,
    Conv,
    Dropout,
    GlobalPoolHead,
    Head,
    Norm,
    Order,
    OutputActivation,
    Pool,
    Residual,
)

PACKAGE = Path(tinymnist.__file__).parent


def options(model: Any, field: str = "kind") -> tuple[str, ...]:
    """The values that a field of a model may have."""
    return get_args(model.model_fields[field].annotation)


def kinds(union: Any) -> tuple[str, ...]:
    """The values of `kind` in a union of models, which may be wrapped in annotations."""
    members = [each for each in get_args(union) if hasattr(each, "model_fields") or get_args(each)]
    if hasattr(union, "model_fields"):
        return options(union)
    return tuple(dict.fromkeys(kind for each in members for kind in kinds(each)))


def network(**parts: Any) -> Spec:
    content = {"name": "one", "input": {"channels": 2, "height": 9, "width": 8}, "classes": 4}
    return Spec.model_validate(content | parts)


def with_conv(**keys: Any) -> Spec:
    return network(blocks=[{"convs": [{"out_channels": 4, **keys}]}])


NORM_KEYS: dict[str, dict[str, Any]] = {"group": {"groups": 2}}

LANGUAGE: dict[str, Spec] = {
    **{f"activation {name}": with_conv(activation=name) for name in get_args(Activation)},
    **{f"order {order}": with_conv(order=order, activation="silu", dropout=0.3) for order in get_args(Order)},
    **{f"conv {kind}": with_conv(kind=kind) for kind in options(Conv)},
    **{f"norm {kind}": with_conv(norm={"kind": kind, **NORM_KEYS.get(kind, {})}) for kind in kinds(Norm)},
    **{f"pool {kind}": network(blocks=[{"convs": [4], "pool": {"kind": kind}}]) for kind in kinds(Pool)},
    **{f"dropout {kind}": with_conv(dropout={"kind": kind, "p": 0.5}) for kind in options(Dropout)},
    **{f"residual {kind}": network(blocks=[{"convs": [2, 2], "residual": kind}]) for kind in options(Residual)},
    **{f"head {kind}": network(blocks=[{"convs": [4]}], head={"kind": kind}) for kind in kinds(Head)},
    **{
        f"head pool {kind}": network(blocks=[{"convs": [4]}], head={"kind": "global_pool", "pool": kind})
        for kind in options(GlobalPoolHead, "pool")
    },
    **{
        f"head activation {name}": network(blocks=[{"convs": [4]}], head={"kind": "linear", "activation": name})
        for name in get_args(OutputActivation)
    },
}
REFUSED_BY_INT8 = {"norm group": "no group norm in whole numbers"}

every = pytest.mark.parametrize("part", LANGUAGE)
needs_compiler = pytest.mark.skipif(c_compiler() is None, reason="needs a C compiler")
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs node")


def test_the_language_has_what_its_types_name() -> None:
    """`LANGUAGE` is complete: with an empty one, there would be nothing to test."""
    counts: dict[str, int] = {}
    for part in LANGUAGE:
        counts[part.rpartition(" ")[0]] = counts.get(part.rpartition(" ")[0], 0) + 1
    assert counts == {
        "activation": 12, "order": 2, "conv": 3, "norm": 3, "pool": 5, "dropout": 2, "residual": 3, "head": 2,
        "head pool": 2, "head activation": 2,
    }  # fmt: skip


@every
def test_the_folded_network_computes_what_the_model_does(part: str) -> None:
    spec = LANGUAGE[part]
    images = torch.randn(3, 2, 9, 8, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = trained(spec)(images).log_softmax(1)
    found = values(folded(spec), images)[-1].flatten(1).log_softmax(1)
    assert float((found - expected).abs().max()) < 1e-5


@every
def test_the_native_engine_defines_what_it_calls(part: str) -> None:
    spec = LANGUAGE[part]
    text = c_source(graph_of(spec.plan, trained(spec)), 16)
    called = {FUNCTIONS[name] for name in get_args(Activation) if part == f"activation {name}" and name in FUNCTIONS}
    defined = set(re.findall(r"^INLINE vf (\w+)\(", text, re.M))
    expected = {
        f"{name}{ending}"
        for name in called - {"relu"}
        for ending in (("", "_slope") if name in CHEAP else ("_part", "_of", "_slope_of"))
    }
    assert expected | called & {"relu"} <= defined


@pytest.mark.slow
@every
def test_the_native_engine_computes_what_pytorch_does(part: str) -> None:
    found = differences(LANGUAGE[part], n=19)
    assert {name: share for name, share in found.items() if not share <= 1} == {}


@needs_compiler
@every
def test_exported_float32_computes_what_the_network_does(part: str) -> None:
    assert difference_of_float32(folded(LANGUAGE[part]), FLAGS) < 1e-5


@needs_compiler
@every
def test_exported_int8_computes_its_scheme_or_refuses(part: str) -> None:
    if part in REFUSED_BY_INT8:
        with pytest.raises(UsageError, match=REFUSED_BY_INT8[part]):
            difference_of_integers(folded(LANGUAGE[part]), FLAGS)
    else:
        assert difference_of_integers(folded(LANGUAGE[part]), FLAGS) == 0


def test_int8_refuses_an_activation_that_it_does_not_know() -> None:
    known = folded(with_conv())
    conv = known.steps[0]
    assert isinstance(conv, Convolution)
    unknown = replace(known, steps=(replace(conv, activation=Folded("softplus")), *known.steps[1:]))
    ranges = [(-1.0, 1.0)] * (1 + len(known.steps))
    with pytest.raises(UsageError, match=r"block1.conv1: no softplus in whole numbers: export float32"):
        quantize(unknown, ranges)


def test_the_page_has_every_activation() -> None:
    program = (PACKAGE / "export" / "page" / "network.js").read_text()
    table = re.search(r"^const ACTIVATIONS = \{(.*?)^\};", program, re.M | re.S)
    assert table is not None
    known = set(re.findall(r"^  (\w+)[:,]", table[1], re.M))
    assert known == set(get_args(Activation)) - {"prelu"}  # folded to a leaky_relu with the learned slope


@needs_node
@every
def test_the_page_computes_what_the_network_does(part: str) -> None:
    assert difference_in_node(LANGUAGE[part]) < 1e-5
