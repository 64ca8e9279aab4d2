"""Shapes and counts of a network, by arithmetic alone.

`plan` follows a spec from the input to the classes and records every layer that the builder will make: its name in the
built model, its shapes, parameters, multiply-adds, receptive field and memory. Without torch, the figures take
milliseconds, and they are an independent oracle for the built model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING

from tinymnist.spec.path import Path
from tinymnist.spec.plan import Factors, Kind, Layer, Pair, Plan, PlanProblem, Shape, Window
from tinymnist.spec.reserved import RESERVED_NAMES
from tinymnist.text import did_you_mean, shape_text, shown

if TYPE_CHECKING:
    from tinymnist.spec.layers import Basis, Block, Conv, GlobalPoolHead, Head, LinearHead, Norm, Pool

MAX_LAYERS = 10_000
"""The most convolutions and hidden layers in one spec, counting repetitions."""

MAX_REACH = 10**12
"""Where the receptive field stops growing: beyond the largest image, and still a number that can be printed after ten
thousand strides."""


def block_name(block: Block, index: int) -> str:
    """The name of the block at `index` in the built model."""
    return block.name or f"block{index + 1}"


def plan(image: Shape, classes: int, blocks: Sequence[Block], head: Head, bases: Mapping[str, Basis]) -> Plan:
    """Shapes and counts of a network for images of shape (channels, height, width).

    Raises `PlanProblem` for the first layer that does not fit.
    """
    walk = _Walk(image, bases)
    _refuse_too_many_layers(blocks, head)
    owners: dict[str, int] = {}
    for index, block in enumerate(blocks):
        name = block_name(block, index)
        if name in RESERVED_NAMES:
            raise PlanProblem(("blocks", index, "name"), f"{name!r} means something else to torch: choose another name")
        if name in owners:
            raise PlanProblem(("blocks", index, "name"), f"{name!r} is taken: give each block a name of its own")
        owner = index if block.weights_from is None else _owner(blocks, index, owners)
        owners[name] = owner
        walk.block(block, name, ("blocks", index), owner)
    if head.kind == "linear":
        walk.linear_head(head, classes)
    else:
        walk.global_pool_head(head, classes)
    return Plan(tuple(walk.layers), walk.features)


def _refuse_too_many_layers(blocks: Sequence[Block], head: Head) -> None:
    layers = sum(max(1, len(block.convs)) * block.repeat for block in blocks)
    if head.kind == "linear":
        layers += len(head.hidden)
    if layers > MAX_LAYERS:
        raise PlanProblem(("blocks",), f"{layers:,} layers are more than a spec may have ({MAX_LAYERS:,})")


def _owner(blocks: Sequence[Block], index: int, owners: dict[str, int]) -> int:
    """Index of the block whose convolutions block `index` uses. Raises `PlanProblem`."""
    block = blocks[index]
    path: Path = ("blocks", index, "weights_from")
    owner = owners.get(str(block.weights_from), -1)
    if owner < 0:
        earlier = did_you_mean(str(block.weights_from), list(owners)[:20]) if owners else "no block comes before it"
        raise PlanProblem(path, f"{shown(block.weights_from)} is not the name of an earlier block: {earlier}")
    source = blocks[owner]
    if source.repeat > 1 and not source.share_weights:
        raise PlanProblem(
            path, f"{block.weights_from!r} has {source.repeat} sets of weights: set its share_weights: true"
        )
    if block.repeat > 1 and not block.share_weights:
        raise PlanProblem(
            (*path[:2], "repeat"), "repetitions of a block with weights_from share them: set share_weights: true"
        )
    if [conv.kind for conv in source.convs] != [conv.kind for conv in block.convs]:
        raise PlanProblem(
            path, f"{block.weights_from!r} has other kinds or numbers of convs than this block: make the two alike"
        )
    if "projection" in {source.residual.kind, block.residual.kind} and source.residual.kind != block.residual.kind:
        raise PlanProblem(path, f"{block.weights_from!r} and this block: both need residual: projection, or neither")
    return owner


@dataclass
class _Walk:
    """The state of the walk through the network: the current shape, and what has been seen."""

    shape: Shape
    bases: Mapping[str, Basis]
    value: int = 0
    """The value that the next layer reads, numbered as in `Layer.sources`."""
    layers: list[Layer] = field(default_factory=list)
    features: Counter[str] = field(default_factory=Counter)
    waiting: int = 0
    """Numbers that wait for a residual addition while the current layer runs."""
    held: int = 0
    """Numbers that wait so for every layer after the current one."""
    reach: Pair = (1, 1)
    """The receptive field so far."""
    jump: Pair = (1, 1)
    """The distance in the input between two neighbouring outputs."""
    weights: dict[tuple[int | str, ...], tuple[int | bool | str, ...]] = field(default_factory=dict)
    """Form of each set of convolution weights by its key: a second use of a set adds no parameters."""
    used_bases: set[str] = field(default_factory=set)
    """Names of `bases` that a convolution before has used: they are counted with it."""

    def add(
        self,
        name: str,
        kind: Kind,
        label: str,
        output: Shape,
        *,
        window: Window | None = None,
        parameters: int = 0,
        buffers: int = 0,
        macs: int = 0,
        factors: Factors | None = None,
        in_place: bool = False,
        other: int | None = None,
    ) -> None:
        """Adds a layer that reads the current value, and also the value `other` if it takes two."""
        sources = (self.value,) if other is None else (self.value, other)
        alive = self.waiting + prod(self.shape) + (0 if in_place else prod(output))
        counts = (parameters, buffers, macs, factors, self.reach, alive)
        self.layers.append(Layer(name, kind, label, sources, window, self.shape, output, *counts))
        self.value, self.shape, self.waiting = len(self.layers), output, self.held

    # Blocks

    def block(self, block: Block, name: str, path: Path, owner: int) -> None:
        for step in range(block.repeat):
            prefix = f"{name}.step{step + 1}" if block.repeat > 1 else name
            weights = (owner, 0 if block.share_weights else step)
            self._application(block, prefix, path, weights, first=step == 0)
        if block.pool.kind != "none":
            self._pool(block.pool, f"{name}.pool", (*path, "pool"))
        self._dropout(block.dropout.p, f"{name}.dropout")

    def _application(self, block: Block, prefix: str, path: Path, weights: tuple[int, int], *, first: bool) -> None:
        entry, start = self.shape, self.value
        residual = block.residual
        body = prefix
        if residual.kind != "none":
            self.features["residual"] += 1
            body = f"{prefix}.residual.body"
            self.held = prod(entry)  # it is the first layer's input anyway, and waits while the later ones run
        for index, conv in enumerate(block.convs):
            self._conv(conv, body, index, (*path, "convs", index), (*weights, index))
            self._after_conv(conv, body, index, (*path, "convs", index))
        if residual.kind != "none":
            self._residual(block, prefix, path, weights, entry, start)
        if block.repeat > 1 and first and entry[0] != self.shape[0]:
            raise PlanProblem(
                (*path, "repeat"),
                f"{block.repeat} applications must keep the channels: {entry[0]} go in, {self.shape[0]} come out",
            )

    def _residual(
        self, block: Block, prefix: str, path: Path, weights: tuple[int, int], entry: Shape, start: int
    ) -> None:
        """Adds the block's input, the value `start` of shape `entry`, to the current value. Raises `PlanProblem`."""
        result, body, shortcut, path = self.shape, self.value, start, (*path, "residual")
        if block.residual.kind == "identity" and entry != result:
            hint = "use residual: projection" if _strided(entry, block) == result[1:] else "keep the size by padding"
            raise PlanProblem(
                path, f"cannot add {shape_text(entry)} to {shape_text(result)}: {hint}, or leave residual out"
            )
        self.held = 0
        if block.residual.kind == "projection":
            if _strided(entry, block) != result[1:]:
                raise PlanProblem(
                    path,
                    f"a projection of {shape_text(entry)} cannot give {shape_text(result)}: keep the size by padding",
                )
            self.value, self.shape, self.waiting = start, entry, prod(result)
            window = Window((1, 1), _stride(block), (0, 0))
            self._weights(
                f"{prefix}.residual.shortcut", "conv", path, (*weights, "shortcut"), result, 1, window, bias=False
            )
            shortcut = self.value
        self.value, self.waiting = body, prod(result)
        self.add(f"{prefix}.residual", "add", "add", result, in_place=True, other=shortcut)
        self._activation(block.residual.activation, f"{prefix}.activation")

    def _conv(self, conv: Conv, prefix: str, index: int, path: Path, key: tuple[int | str, ...]) -> None:
        channels = self.shape[0]
        out_channels = conv.out_channels if conv.out_channels is not None else channels
        depthwise = conv.kind != "conv"
        between = channels if conv.kind == "separable" else out_channels
        groups = channels if depthwise else conv.groups
        if channels % groups:
            raise PlanProblem(
                (*path, "groups"),
                f"{channels} input channels do not divide into {groups} groups: {_divisors(channels)}",
            )
        if between % groups:
            must = f"of a depthwise convolution must be a multiple of the {channels} input channels"
            if not depthwise:
                must = f"do not divide into {groups} groups: {_divisors(out_channels)}"
            raise PlanProblem((*path, "out_channels"), f"{out_channels} output channels {must}")
        window = Window(conv.kernel_size, conv.stride, conv.padding, conv.dilation)
        size = self._slide(window, path)
        number = index + 1
        if conv.kind == "separable":
            self.features["separable"] += 1
            self._weights(
                f"{prefix}.depthwise{number}",
                "depthwise",
                path,
                (*key, "depthwise"),
                (channels, *size),
                channels,
                window,
                bias=False,
            )
            self._weights(
                f"{prefix}.pointwise{number}",
                "conv",
                path,
                (*key, "pointwise"),
                (out_channels, *size),
                1,
                Window((1, 1), (1, 1), (0, 0)),
                bias=conv.bias,
            )
        else:
            label = "depthwise" if depthwise else "conv"
            self._weights(
                f"{prefix}.conv{number}",
                label,
                path,
                key,
                (out_channels, *size),
                groups,
                window,
                bias=conv.bias,
                basis=conv.basis,
            )

    def _weights(
        self,
        name: str,
        label: str,
        path: Path,
        key: tuple[int | str, ...],
        output: Shape,
        groups: int,
        window: Window,
        *,
        bias: bool,
        basis: int | str | None = None,
    ) -> None:
        """Adds one convolution; its parameters count if no earlier layer has the same `key`. Raises `PlanProblem`."""
        inputs, taps = self.shape[0] // groups, prod(window.kernel)
        per_output, buffers, macs, factors = inputs * taps, 0, prod(output) * inputs * taps, None
        form = (label, self.shape[0], output[0], groups, *window.kernel, bias, basis or "none")
        known = self.weights.setdefault(key, form)
        if known != form:
            raise PlanProblem(
                path,
                f"cannot share weights: {_form_text(form)} here, {_form_text(known)} there; make the two alike",
            )
        shared = known is not form
        parameters = 0 if shared else output[0] * (per_output + bias)
        if basis is not None:
            self.features["basis"] += 1
            filters, learned, fresh = self._basis(basis, window, path, fresh=not shared)
            if not shared:
                parameters = output[0] * (inputs * filters + bias) + (filters * taps if fresh and learned else 0)
            buffers = filters * taps if fresh and not learned else 0
            pixels = prod(output[1:])
            factors = Factors(
                filters, dense=macs, factored=pixels * filters * (self.shape[0] * taps + output[0] * inputs)
            )
            macs = min(factors.dense, factors.factored)
        self.features.update(
            [
                feature
                for feature, there in (("depthwise", label == "depthwise"), ("bias", bias), ("shared_weights", shared))
                if there
            ]
        )
        self.add(
            name,
            "conv",
            label,
            output,
            window=window,
            parameters=parameters,
            buffers=buffers,
            macs=macs,
            factors=factors,
        )

    def _basis(self, basis: int | str, window: Window, path: Path, *, fresh: bool) -> tuple[int, bool, bool]:
        """How many filters a convolution is made of, whether they are learned, and whether no layer before has them;
        `fresh` says so of the convolution's weights. Raises `PlanProblem`."""
        if isinstance(basis, int):
            return basis, True, fresh
        path = (*path, "basis")
        if basis not in self.bases:
            there = did_you_mean(basis, list(self.bases)) if self.bases else "a spec declares them under `bases:`"
            raise PlanProblem(path, f"{shown(basis)} is not the name of a basis: {there}")
        named = self.bases[basis]
        if named.kernel_size != window.kernel:
            raise PlanProblem(
                path,
                f"{basis!r} has filters of {_pair_text(named.kernel_size)}, this convolution is of "
                f"{_pair_text(window.kernel)}: leave its kernel_size out, or give it basis: none",
            )
        fresh = basis not in self.used_bases
        self.used_bases.add(basis)
        return named.filters, named.learned, fresh

    def _after_conv(self, conv: Conv, prefix: str, index: int, path: Path) -> None:
        number = index + 1
        if conv.order == "conv-activation-norm":
            self._activation(conv.activation, f"{prefix}.activation{number}")
        self._norm(conv.norm, f"{prefix}.norm{number}", (*path, "norm"))
        if conv.order == "conv-norm-activation":
            self._activation(conv.activation, f"{prefix}.activation{number}")
        self._dropout(conv.dropout.p, f"{prefix}.dropout{number}")

    # Layers

    def _slide(self, window: Window, path: Path) -> Pair:
        """Height and width after a sliding window; also updates the receptive field. Raises `PlanProblem`."""
        kernel, stride, ceil = window.reach, window.stride, window.ceil
        sizes = []
        for size, k, s, p in zip(self.shape[1:], kernel, stride, window.padding, strict=True):
            room = size + 2 * p - k
            if room < 0:
                padded = f" (padded by {p})" if p else ""
                apart = f" with dilation {_pair_text(window.dilation)}" if window.dilation != (1, 1) else ""
                raise PlanProblem(
                    (*path, "kernel_size"),
                    f"{_pair_text(window.kernel)}{apart} does not fit a {shape_text(self.shape[1:])} input{padded}: "
                    "make it smaller, or pool less before",
                )
            steps = -(-room // s) if ceil else room // s
            if ceil and steps * s >= size + p:  # torch: the last window must start inside the image or its left padding
                steps -= 1
            sizes.append(steps + 1)
        self.reach = (
            min(self.reach[0] + (kernel[0] - 1) * self.jump[0], MAX_REACH),
            min(self.reach[1] + (kernel[1] - 1) * self.jump[1], MAX_REACH),
        )
        self.jump = (min(self.jump[0] * stride[0], MAX_REACH), min(self.jump[1] * stride[1], MAX_REACH))
        return sizes[0], sizes[1]

    def _norm(self, norm: Norm, name: str, path: Path) -> None:
        channels = self.shape[0]
        if norm.kind == "none":
            return
        if norm.kind == "group" and channels % norm.groups:
            raise PlanProblem(
                (*path, "groups"), f"{channels} channels do not divide into {norm.groups} groups: {_divisors(channels)}"
            )
        if norm.kind == "group" and prod(self.shape) == norm.groups:
            raise PlanProblem(
                (*path, "groups"), f"{norm.groups} groups of one number each normalise everything to 0: use fewer"
            )
        label = f"{norm.kind}_norm"
        self.features[label] += 1
        self.add(
            name,
            "norm",
            label,
            self.shape,
            parameters=2 * channels if norm.affine else 0,
            buffers=2 * channels + 1 if norm.kind == "batch" else 0,
            in_place=True,
        )

    def _activation(self, activation: str, name: str) -> None:
        if activation != "none":
            parameters = 1 if activation == "prelu" else 0
            self.add(name, "activation", activation, self.shape, parameters=parameters, in_place=True)

    def _dropout(self, p: float, name: str) -> None:
        if p:
            self.features["dropout"] += 1
            self.add(name, "dropout", "dropout", self.shape, in_place=True)

    def _pool(self, pool: Pool, name: str, path: Path) -> None:
        if pool.kind in ("max", "average"):
            for k, p in zip(pool.kernel_size, pool.padding, strict=True):
                if p > k // 2:
                    raise PlanProblem(
                        (*path, "padding"),
                        f"{p} is more than half the window ({k}): at most {k // 2}",
                    )
            window = Window(pool.kernel_size, pool.stride, pool.padding, ceil=pool.ceil_mode)
            size = self._slide(window, path)
            self.features[f"{pool.kind}_pool"] += 1
            self.add(name, "pool", f"{pool.kind}_pool", (self.shape[0], *size), window=window)
        else:
            self._global_pool(pool.kind, name)

    def _global_pool(self, label: str, name: str) -> None:
        height, width = self.shape[1:]
        window = Window((height, width), (1, 1), (0, 0))
        self._slide(window, ())
        self.features["global_pool"] += 1
        self.add(name, "pool", f"{label}_pool", (self.shape[0], 1, 1), window=window)

    # Heads

    def linear_head(self, head: LinearHead, classes: int) -> None:
        self.add("head.flatten", "flatten", "flatten", (prod(self.shape),), in_place=True)
        for index, hidden in enumerate(head.hidden):
            self._linear(f"head.linear{index + 1}", hidden.out_features, hidden.bias)
            self._activation(hidden.activation, f"head.activation{index + 1}")
            self._dropout(hidden.dropout.p, f"head.dropout{index + 1}")
        self._linear(f"head.linear{len(head.hidden) + 1}" if head.hidden else "head.linear", classes, head.bias)
        self._output(head.activation)

    def global_pool_head(self, head: GlobalPoolHead, classes: int) -> None:
        if self.shape[0] != classes:
            raise PlanProblem(
                ("head", "kind"),
                f"global_pool needs one channel per class: the last block gives {self.shape[0]}, classes is {classes}",
            )
        self._global_pool(f"global_{head.pool}", "head.pool")
        self.add("head.flatten", "flatten", "flatten", (classes,), in_place=True)
        self._output(head.activation)

    def _linear(self, name: str, out_features: int, bias: bool) -> None:
        (in_features,) = self.shape
        self.features.update(["linear", "bias"] if bias else ["linear"])
        self.add(
            name,
            "linear",
            "linear",
            (out_features,),
            parameters=out_features * (in_features + bias),
            macs=out_features * in_features,
        )

    def _output(self, activation: str) -> None:
        if activation != "none":
            self._activation(activation, f"head.{activation}")


def _strided(entry: Shape, block: Block) -> Shape:
    """Height and width of `entry` after a 1x1 convolution with the block's total stride."""
    return tuple((size - 1) // stride + 1 for size, stride in zip(entry[1:], _stride(block), strict=True))


def _stride(block: Block) -> Pair:
    """The product of the strides of the block's convolutions."""
    return prod(conv.stride[0] for conv in block.convs), prod(conv.stride[1] for conv in block.convs)


def _divisors(number: int) -> str:
    small = [str(divisor) for divisor in range(1, min(number, 64) + 1) if number % divisor == 0]
    return f"possible: {', '.join(small)}"


def _pair_text(pair: Pair) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"[{pair[0]}, {pair[1]}]"


def _form_text(form: tuple[int | bool | str, ...]) -> str:
    label, inputs, outputs, groups, height, width, bias, basis = form
    of = "" if basis == "none" else f", basis {basis}"
    return f"{label} {inputs}->{outputs} {height}x{width}, groups {groups}, bias {str(bias).lower()}{of}"
