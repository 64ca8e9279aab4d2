"""Builds an `nn.Sequential` of named blocks from a spec."""

from collections.abc import Iterator
from math import prod

import torch
from torch import nn

from tinymnist.errors import SpecError
from tinymnist.model.activations import ACTIVATIONS
from tinymnist.model.basis import Basis, BasisConv2d, Conv2d
from tinymnist.model.initial_weights import draw_weights
from tinymnist.model.layers import Residual, SharedConv2d
from tinymnist.spec import Spec
from tinymnist.spec.layers import Block, Conv, Dropout, GlobalPoolHead, LinearHead, Norm, Pool
from tinymnist.spec.walk import block_name

MAX_PARAMETERS = 50_000_000
MAX_ACTIVATION_BYTES = 1 << 30
"""The limits of what is built: far beyond tiny, and small enough for any machine that can run torch."""

Named = tuple[str, nn.Module]


def build_model(spec: Spec) -> nn.Sequential:
    """The network that `spec` describes, with random initial weights (seed with `torch.manual_seed`).

    It takes images of shape (N, channels, height, width) and gives (N, classes): log-probabilities, or logits if the
    head has `activation: none`. Raises `SpecError` for a network too large to build.
    """
    _refuse_what_cannot_fit(spec)
    seed = int(torch.randint(2**31 - 1, ()))
    channels = spec.input.channels
    convolutions: dict[str, list[Conv2d]] = {}
    bases = _Bases(spec)
    children: list[Named] = []
    for index, block in enumerate(spec.blocks):
        name = block_name(block, index)
        shared = convolutions.get(block.weights_from or "")
        builder = _BlockBuilder(block, channels, shared, bases)
        children.append((name, builder.build()))
        convolutions[name] = builder.convolutions
        channels = builder.channels
    head = _linear_head(spec, spec.head) if isinstance(spec.head, LinearHead) else _global_pool_head(spec.head)
    model = _sequential([*children, ("head", head)])
    draw_weights(model, seed)
    return model


def _refuse_what_cannot_fit(spec: Spec) -> None:
    plan = spec.plan
    if plan.parameters > MAX_PARAMETERS:
        raise SpecError(
            f"{spec.name}: {plan.parameters:,} parameters are more than tinymnist builds ({MAX_PARAMETERS:,}): "
            "make the network smaller"
        )
    if plan.peak_activation_bytes > MAX_ACTIVATION_BYTES:
        raise SpecError(
            f"{spec.name}: one image needs {plan.peak_activation_bytes:,} bytes of activations, more than tinymnist "
            f"builds ({MAX_ACTIVATION_BYTES:,}): make the network smaller"
        )


def _sequential(children: list[Named]) -> nn.Sequential:
    model = nn.Sequential()
    for name, module in children:
        model.add_module(name, module)
    return model


class _Bases:
    """Makes each basis at its first use."""

    def __init__(self, spec: Spec) -> None:
        self._declared = spec.bases or {}
        self._made: dict[str, Basis] = {}

    def of(self, conv: Conv) -> tuple[Basis, bool]:
        """The basis of a convolution that has one, and whether it is new."""
        if isinstance(conv.basis, int):
            return Basis(conv.basis, conv.kernel_size), True
        assert conv.basis is not None
        new = conv.basis not in self._made
        if new:
            named = self._declared[conv.basis]
            self._made[conv.basis] = Basis(named.filters, named.kernel_size, learned=named.learned)
        return self._made[conv.basis], new


class _BlockBuilder:
    """Builds one block, and remembers its convolutions for the blocks that share them."""

    def __init__(self, block: Block, channels: int, shared: list[Conv2d] | None, bases: _Bases) -> None:
        self.block = block
        self.channels = channels
        self.bases = bases
        self.convolutions: list[Conv2d] = []
        self._to_reuse: Iterator[Conv2d] | None = None
        if shared is not None:
            self._reuse(shared)

    def build(self) -> nn.Sequential:
        block = self.block
        children: list[Named] = []
        if block.repeat == 1:
            children += self._application()
        else:
            for step in range(block.repeat):
                if step and block.share_weights:
                    self._reuse(self.convolutions)
                children.append((f"step{step + 1}", _sequential(self._application())))
        children += _pool("pool", block.pool)
        children += _dropout("dropout", block.dropout)
        return _sequential(children)

    def _reuse(self, convolutions: list[Conv2d]) -> None:
        """From now on, takes these in turn instead of making new ones; `plan` has checked that they match."""
        self.convolutions, self._to_reuse = convolutions, iter(convolutions)

    def _application(self) -> list[Named]:
        block, entry = self.block, self.channels
        body = [named for index, conv in enumerate(block.convs) for named in self._conv(conv, str(index + 1))]
        if block.residual.kind == "none":
            return body
        shortcut: nn.Module = nn.Identity()
        if block.residual.kind == "projection":
            stride = (
                prod(conv.stride[0] for conv in block.convs),
                prod(conv.stride[1] for conv in block.convs),
            )
            shortcut = self._convolution(entry, self.channels, (1, 1), stride, bias=False)
        residual: list[Named] = [("residual", Residual(_sequential(body), shortcut))]
        return residual + _activation("activation", block.residual.activation)

    def _conv(self, conv: Conv, number: str) -> list[Named]:
        inputs = self.channels
        outputs = inputs if conv.out_channels is None else conv.out_channels
        window = (conv.kernel_size, conv.stride, conv.padding, conv.dilation)
        convolutions: list[Named]
        if conv.kind == "separable":
            convolutions = [
                (f"depthwise{number}", self._convolution(inputs, inputs, *window, groups=inputs, bias=False)),
                (f"pointwise{number}", self._convolution(inputs, outputs, (1, 1), bias=conv.bias)),
            ]
        else:
            groups = inputs if conv.kind == "depthwise" else conv.groups
            convolutions = [
                (f"conv{number}", self._convolution(inputs, outputs, *window, groups=groups, bias=conv.bias, of=conv))
            ]
        self.channels = outputs
        norm, activation = (
            _norm(f"norm{number}", conv.norm, outputs),
            _activation(f"activation{number}", conv.activation),
        )
        following = [*norm, *activation] if conv.order == "conv-norm-activation" else [*activation, *norm]
        return [*convolutions, *following, *_dropout(f"dropout{number}", conv.dropout)]

    def _convolution(
        self,
        inputs: int,
        outputs: int,
        kernel: tuple[int, int],
        stride: tuple[int, int] = (1, 1),
        padding: tuple[int, int] = (0, 0),
        dilation: tuple[int, int] = (1, 1),
        *,
        groups: int = 1,
        bias: bool,
        of: Conv | None = None,
    ) -> nn.Module:
        """A new convolution, with the basis that `of` asks for, or one with the weights of the next to reuse."""
        if self._to_reuse is not None:
            return SharedConv2d(next(self._to_reuse), stride, padding, dilation)
        made: Conv2d
        if of is None or of.basis is None:
            made = nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups, bias)
        else:
            basis, new = self.bases.of(of)
            made = BasisConv2d(inputs, outputs, basis, stride, padding, dilation, groups=groups, bias=bias, keeps=new)
        self.convolutions.append(made)
        return made


def _norm(name: str, norm: Norm, channels: int) -> list[Named]:
    if norm.kind == "batch":
        return [(name, nn.BatchNorm2d(channels, eps=norm.eps, momentum=norm.momentum, affine=norm.affine))]
    if norm.kind == "group":
        return [(name, nn.GroupNorm(norm.groups, channels, eps=norm.eps, affine=norm.affine))]
    return []


def _activation(name: str, activation: str) -> list[Named]:
    return [] if activation == "none" else [(name, ACTIVATIONS[activation]())]


def _dropout(name: str, dropout: Dropout) -> list[Named]:
    if not dropout.p:
        return []
    return [(name, nn.Dropout2d(dropout.p) if dropout.kind == "channel" else nn.Dropout(dropout.p))]


def _pool(name: str, pool: Pool) -> list[Named]:
    if pool.kind == "none":
        return []
    if pool.kind == "max" or pool.kind == "average":
        kind = nn.MaxPool2d if pool.kind == "max" else nn.AvgPool2d
        return [(name, kind(pool.kernel_size, pool.stride, pool.padding, ceil_mode=pool.ceil_mode))]
    return [(name, nn.AdaptiveAvgPool2d(1) if pool.kind == "global_average" else nn.AdaptiveMaxPool2d(1))]


def _linear_head(spec: Spec, head: LinearHead) -> nn.Sequential:
    features = spec.plan.linears[0].input[0]
    children: list[Named] = [("flatten", nn.Flatten())]
    for index, hidden in enumerate(head.hidden):
        children.append((f"linear{index + 1}", nn.Linear(features, hidden.out_features, bias=hidden.bias)))
        children += _activation(f"activation{index + 1}", hidden.activation)
        children += _dropout(f"dropout{index + 1}", hidden.dropout)
        features = hidden.out_features
    last = f"linear{len(head.hidden) + 1}" if head.hidden else "linear"
    children.append((last, nn.Linear(features, spec.classes, bias=head.bias)))
    return _sequential(children + _output(head.activation))


def _global_pool_head(head: GlobalPoolHead) -> nn.Sequential:
    pool = nn.AdaptiveAvgPool2d(1) if head.pool == "average" else nn.AdaptiveMaxPool2d(1)
    return _sequential([("pool", pool), ("flatten", nn.Flatten()), *_output(head.activation)])


def _output(activation: str) -> list[Named]:
    return [] if activation == "none" else [("log_softmax", nn.LogSoftmax(dim=1))]
