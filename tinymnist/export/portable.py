"""Brings a converted network to the form that most readers of ONNX take, in any of the opsets that they ask for.

Constants are tensors of the graph, and no shape is computed: only the number of images is open. Operators that an older
opset lacks are written as those that it has.
"""

from collections.abc import Callable
from itertools import count
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx_ir as ir

OLDEST_OPSET, NEWEST_OPSET = 11, 20


def make_portable(model: "ir.Model", opset: int) -> None:
    """Rewrites a network of opset `NEWEST_OPSET` for `opset`. What it computes stays the same."""
    import onnx_ir.passes.common as passes
    from onnx import helper
    from onnxscript import optimizer

    for node in model.graph:
        _simplify(node)
    optimizer.fold_constants(model)
    for node in model.graph:
        since, rewrite = _REWRITES.get(node.op_type, (OLDEST_OPSET, None))
        if rewrite and opset < since:
            rewrite(node)
    passes.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    passes.RemoveUnusedNodesPass()(model)
    if opset < NEWEST_OPSET:
        model.opset_imports[""] = opset
        model.ir_version = helper.find_min_ir_version_for([helper.make_opsetid("", opset)])


def _simplify(node: "ir.Node") -> None:
    if node.op_type == "Shape":  # leads to nothing but `Reshape`, which takes -1 for the size that is open
        assert node.inputs[0] is not None
        assert node.inputs[0].shape is not None
        sizes = [size if isinstance(size, int) else -1 for size in node.inputs[0].shape]
        start, end = (node.attributes[name].as_int() if name in node.attributes else None for name in ("start", "end"))
        node.outputs[0].replace_all_uses_with(_constant(node, np.array(sizes[start:end])))
    elif node.op_type == "CastLike":  # all numbers are float32 already
        assert node.inputs[0] is not None
        node.outputs[0].replace_all_uses_with(node.inputs[0])
    elif node.op_type == "Reshape":
        node.attributes.pop("allowzero", None)  # it says what a size of 0 means, and there is none


def _gelu(node: "ir.Node") -> None:
    """`x * (1 + erf(x / sqrt(2))) / 2`"""
    (x,) = node.inputs
    half = _new(node, "Mul", x, _number(node, 0.5))
    curve = _new(node, "Erf", _new(node, "Mul", x, _number(node, sqrt(0.5))))
    _replace(node, "Mul", half, _new(node, "Add", curve, _number(node, 1.0)))


def _mish(node: "ir.Node") -> None:
    """`x * tanh(softplus(x))`"""
    (x,) = node.inputs
    _replace(node, "Mul", x, _new(node, "Tanh", _new(node, "Softplus", x)))


def _hard_swish(node: "ir.Node") -> None:
    """`x * clip(x / 6 + 1 / 2, 0, 1)`"""
    (x,) = node.inputs
    _replace(node, "Mul", x, _new(node, "HardSigmoid", x, alpha=1 / 6, beta=0.5))


def _reduce(node: "ir.Node") -> None:
    """The axes are an attribute instead of an input."""
    x, axes = node.inputs
    assert axes is not None
    assert axes.const_value is not None
    keep = node.attributes["keepdims"].as_int()
    _replace(node, node.op_type, x, axes=axes.const_value.numpy().tolist(), keepdims=keep)


_REWRITES: dict[str, tuple[int, Callable[["ir.Node"], None]]] = {
    "Gelu": (20, _gelu),
    "Mish": (18, _mish),
    "HardSwish": (14, _hard_swish),
    "ReduceMean": (18, _reduce),
    "ReduceMax": (18, _reduce),
}
"""The opset in which an operator came, or took its present form, and how an older one writes it."""


def _new(node: "ir.Node", operator: str, *inputs: "ir.Value | None", **attributes: object) -> "ir.Value":
    """The result of a new node in front of `node`."""
    import onnx_ir as ir

    made = ir.node(operator, inputs, attributes)  # type: ignore[arg-type]
    node.prepend(made)
    return made.outputs[0]


def _replace(node: "ir.Node", operator: str, *inputs: "ir.Value | None", **attributes: object) -> None:
    """Puts a new node in the place of `node`, with its result under the same name."""
    (old,) = node.outputs
    new = _new(node, operator, *inputs, **attributes)
    new.name, new.type, new.shape = old.name, old.type, old.shape
    old.replace_all_uses_with(new, replace_graph_outputs=True)
    assert node.graph is not None
    node.graph.remove(node, safe=True)


def _number(node: "ir.Node", number: float) -> "ir.Value":
    return _constant(node, np.array(number, np.float32))


def _constant(node: "ir.Node", numbers: NDArray[np.generic]) -> "ir.Value":
    """A tensor of the graph that `node` is in."""
    import onnx_ir as ir

    assert node.graph is not None
    name = next(name for number in count(1) if (name := f"constant{number}") not in node.graph.initializers)
    value = ir.val(name, const_value=ir.tensor(numbers, name=name))
    node.graph.register_initializer(value)
    return value
