"""Random valid specs for Hypothesis."""

from typing import Any, get_args

from hypothesis import strategies as st
from pydantic import ValidationError

from tinymnist import Spec
from tinymnist.spec.layers import Activation, GlobalPoolHead, Order, OutputActivation

ACTIVATIONS: list[str] = list(get_args(Activation))
CONVS = ["conv", "conv", "separable", "depthwise"]
KERNELS: list[Any] = [1, 2, 3, 5, [1, 3], [3, 2]]
STRIDES: list[Any] = [1, 1, 1, 2, [1, 2]]
PADDINGS: list[Any] = [0, 1, [2, 0]]
POOLS: list[Any] = [
    "none",
    "max",
    "average",
    {"kind": "max", "kernel_size": 3, "stride": 2, "padding": 1},
    {"kind": "max", "kernel_size": [2, 1], "ceil_mode": True},
    {"kind": "average", "kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
    "global_average",
    "global_max",
]
DROPOUTS: list[Any] = [0, 0.1, {"kind": "channel", "p": 0.2}]
RESIDUALS: list[Any] = ["none", "identity", "projection", {"kind": "projection", "activation": "relu"}]
NORMS: list[Any] = ["batch", "none", {"kind": "batch", "affine": False}, {"kind": "group", "groups": 1}]
HEAD_POOLS: list[str] = list(get_args(GlobalPoolHead.model_fields["pool"].annotation))
OUTPUT_ACTIVATIONS: list[str] = list(get_args(OutputActivation))


BASES: dict[str, Any] = {
    "strokes": {"filters": 2},
    "wide": {"filters": 4, "kernel_size": 5},
    "fixed": {"filters": 3, "kernel_size": [3, 2], "learned": False},
}


@st.composite
def convs(draw: st.DrawFn, channels: int) -> tuple[dict[str, Any], int]:
    kind = draw(st.sampled_from(CONVS))
    out = channels * draw(st.integers(1, 2)) if kind == "depthwise" else draw(st.integers(1, 9))
    conv: dict[str, Any] = {
        "kind": kind,
        "out_channels": out,
        "kernel_size": draw(st.sampled_from(KERNELS)),
        "stride": draw(st.sampled_from(STRIDES)),
        "bias": draw(st.booleans()),
        "norm": draw(st.sampled_from(NORMS)),
        "activation": draw(st.sampled_from(ACTIVATIONS)),
        "order": draw(st.sampled_from(get_args(Order))),
        "dropout": draw(st.sampled_from([0, 0, 0.1])),
    }
    if not draw(st.integers(0, 4)):
        conv["dilation"] = draw(st.sampled_from([2, [1, 3]]))
    if draw(st.booleans()):
        conv["padding"] = draw(st.sampled_from(PADDINGS))
    if kind == "conv":
        conv["groups"] = draw(st.sampled_from([g for g in (1, 2, 3) if channels % g == 0 and out % g == 0]))
        basis = draw(st.sampled_from([None, None, 1, 2, *BASES]))
        if basis is not None:
            conv["basis"] = basis
        if isinstance(basis, str):
            del conv["kernel_size"]
    return conv, out


@st.composite
def blocks(draw: st.DrawFn, channels: int, names: list[str]) -> tuple[dict[str, Any], int]:
    drawn: list[dict[str, Any]] = []
    out = channels
    for _ in range(draw(st.integers(0, 3))):
        conv, out = draw(convs(out))
        drawn.append(conv)
    block: dict[str, Any] = {
        "convs": drawn,
        "pool": draw(st.sampled_from(POOLS)),
        "dropout": draw(st.sampled_from(DROPOUTS)),
        "residual": draw(st.sampled_from(RESIDUALS)),
    }
    if draw(st.booleans()):
        block["repeat"] = draw(st.integers(2, 3))
        block["share_weights"] = draw(st.booleans())
    if draw(st.booleans()):
        block["weights_from"] = draw(st.sampled_from(names))
    return block, out


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    """A valid spec: blocks are drawn one by one, and kept if the spec is still valid."""
    channels = draw(st.integers(1, 3))
    content: dict[str, Any] = {
        "name": "random",
        "input": {"channels": channels, "height": draw(st.integers(1, 20)), "width": draw(st.integers(1, 20))},
        "classes": draw(st.integers(2, 10)),
        "blocks": [{"name": "first", "convs": [draw(st.integers(1, 6))]}],
        "head": {
            "kind": "linear",
            "hidden": draw(st.lists(st.integers(1, 5), max_size=2)),
            "bias": draw(st.booleans()),
            "activation": draw(st.sampled_from(OUTPUT_ACTIVATIONS)),
        },
    }
    spec = Spec.model_validate(content)
    for index in range(draw(st.integers(0, 3))):
        block, _ = draw(blocks(spec.plan.blocks[_last(spec)][-1].output[0], [_last(spec), "first"]))
        if block.get("weights_from") and draw(st.booleans()):
            step = draw(st.sampled_from([1, 2]))  # the window may differ where weights are shared
            block["convs"] = [
                {**conv, "stride": step} if isinstance(conv, dict) else conv for conv in content["blocks"][-1]["convs"]
            ]
        candidate = _with_bases({**content, "blocks": [*content["blocks"], {**block, "name": f"b{index}"}]})
        try:
            spec = Spec.model_validate(candidate)
        except ValidationError:
            continue
        content = candidate
    if draw(st.booleans()):
        pooled = {**content, "classes": max(2, spec.plan.blocks[_last(spec)][-1].output[0])}
        pooled["head"] = {"kind": "global_pool", "pool": draw(st.sampled_from(HEAD_POOLS))}
        try:
            return Spec.model_validate(pooled)
        except ValidationError:
            return spec
    return spec


def _with_bases(content: dict[str, Any]) -> dict[str, Any]:
    """Declares the bases that the convolutions name."""
    named = {conv.get("basis") for block in content["blocks"] for conv in block["convs"] if isinstance(conv, dict)}
    return {**content, "bases": {name: basis for name, basis in BASES.items() if name in named}}


def _last(spec: Spec) -> str:
    return str(spec.blocks[-1].name)
