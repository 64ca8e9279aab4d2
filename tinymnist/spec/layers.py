"""Blocks and heads: the part of the language that describes layers."""

import re
from math import prod
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, FailFast, Field, Strict, model_validator

from tinymnist.spec.base import Count, CountPair, Model, Padding, Probability, SizePair, expanding
from tinymnist.text import shown

Activation = Literal[
    "none", "relu", "relu6", "leaky_relu", "prelu", "elu", "gelu", "silu", "mish", "hardswish", "tanh", "sigmoid"
]

Order = Literal["conv-norm-activation", "conv-activation-norm"]


class BatchNorm(Model):
    """Batch normalisation (Ioffe and Szegedy 2015): 2 parameters per channel, or none with `affine: false`."""

    kind: Literal["batch"] = Field(description="Normalisation over the batch.")
    eps: float = Field(1e-5, gt=0, le=1, description="Added to the variance before the square root.")
    momentum: float = Field(0.1, gt=0, le=1, description="Share of the new batch in the running statistics.")
    affine: bool = Field(True, description="Whether each channel has a learned scale and shift.")


class GroupNorm(Model):
    """Group normalisation (Wu and He 2018); `groups: 1` normalises over all channels."""

    kind: Literal["group"] = Field(description="Normalisation over groups of channels.")
    groups: Count = Field(description="Number of groups the channels are divided into.")
    eps: float = Field(1e-5, gt=0, le=1, description="Added to the variance before the square root.")
    affine: bool = Field(True, description="Whether each channel has a learned scale and shift.")


class NoNorm(Model):
    """No normalisation."""

    kind: Literal["none"] = Field(description="No normalisation.")


Norm = Annotated[
    Annotated[BatchNorm | GroupNorm | NoNorm, Field(discriminator="kind")],
    expanding("norm", BatchNorm | GroupNorm | NoNorm | Literal["batch", "none"]),
]


class WindowPool(Model):
    """Pooling over a sliding window."""

    kind: Literal["max", "average"] = Field(description="What is taken from each window.")
    kernel_size: CountPair = Field((2, 2), description="Height and width of the window.")
    stride: CountPair = Field(
        default_factory=lambda given: given["kernel_size"], description="Step of the window; default: its size."
    )
    padding: SizePair = Field((0, 0), description="Rows and columns added on each side; at most half the window.")
    ceil_mode: bool = Field(False, description="Whether an incomplete last window counts.")


class GlobalPool(Model):
    """Pooling over the whole image: one number per channel."""

    kind: Literal["global_average", "global_max"] = Field(description="What is taken from each channel.")


class NoPool(Model):
    """No pooling."""

    kind: Literal["none"] = Field(description="No pooling.")


Pool = Annotated[
    Annotated[WindowPool | GlobalPool | NoPool, Field(discriminator="kind")],
    expanding(
        "pool",
        WindowPool | GlobalPool | NoPool | Literal["max", "average", "global_average", "global_max", "none"],
    ),
]


class Dropout(Model):
    """Dropout during training; it does nothing in inference."""

    kind: Literal["element", "channel"] = Field("element", description="What is dropped: single values, or channels.")
    p: Probability = Field(description="Probability of dropping; 0 builds no layer.")


DropoutField = Annotated[Dropout, expanding("dropout", Dropout | Probability)]
NO_DROPOUT = Dropout(p=0.0)


IDENTIFIER = r"^[A-Za-z][A-Za-z0-9_]{0,63}$"


class Basis(Model):
    """Small filters that convolutions share: every filter of such a convolution is a weighted sum of them, and the
    weights are its own (Qiu et al. 2018, "DCFNet", with fixed filters; here they may be learned)."""

    filters: Count = Field(description="How many there are; at most as many as a filter has pixels.")
    kernel_size: CountPair = Field((3, 3), description="Height and width of each.")
    learned: bool = Field(
        True,
        description="Whether they are trained, and count as parameters; else they stay what they begin as: a Gaussian "
        "and its derivatives, orthonormal.",
    )

    @model_validator(mode="after")
    def _are_independent(self) -> "Basis":
        refuse_too_many_filters(self.filters, self.kernel_size)
        return self


def refuse_too_many_filters(filters: int, kernel: tuple[int, int]) -> None:
    """Raises `ValueError` for more filters than filters of that size can be independent."""
    if filters > prod(kernel):
        raise ValueError(f"{filters} filters of {kernel[0]}x{kernel[1]} are too many: at most {prod(kernel)}")


def _basis(value: Any) -> Any:
    """`none` is no basis. Raises `ValueError`."""
    if value is None or value == "none":
        return None
    if (type(value) is int and value >= 1) or (isinstance(value, str) and re.fullmatch(IDENTIFIER, value)):
        return value
    raise ValueError(f"expects a number of filters, the name of one of `bases`, or none, found {shown(value)}")


BasisField = Annotated[
    int | str | None,
    BeforeValidator(
        _basis, json_schema_input_type=Annotated[int, Field(ge=1)] | Annotated[str, Field(pattern=IDENTIFIER)] | None
    ),
]


class Conv(Model):
    """One convolution with what follows it: norm, activation, dropout."""

    kind: Literal["conv", "depthwise", "separable"] = Field(
        "conv",
        description="`depthwise`: one filter per channel. `separable`: depthwise, no bias, then 1x1 (Chollet 2017).",
    )
    out_channels: Count | None = Field(
        None, description="Output channels; a depthwise convolution that leaves this out keeps the number of channels."
    )
    kernel_size: CountPair = Field(
        (3, 3), description="Height and width of the filter; where `basis` names one of `bases`, its kernel_size."
    )
    stride: CountPair = Field((1, 1), description="Step of the filter.")
    dilation: CountPair = Field((1, 1), description="Distance between neighbouring pixels that the filter sees.")
    padding: Padding = Field(
        default_factory=lambda given: (
            given["kernel_size"][0] // 2 * given["dilation"][0],
            given["kernel_size"][1] // 2 * given["dilation"][1],
        ),
        description="Zero rows and columns added on each side, or `same` or `valid`; default: kernel_size // 2, times "
        "the dilation.",
    )
    groups: Count = Field(1, description="Groups of channels that are convolved separately (kind `conv` only).")
    basis: BasisField = Field(
        None,
        description="Makes every filter a weighted sum of a few (kind `conv` only): of this many of its own, or of "
        "those that `bases` has under this name; `none`: of none.",
    )
    bias: bool = Field(True, description="Whether a learned constant is added to each output channel.")
    norm: Norm = Field(BatchNorm(kind="batch"), description="Normalisation after the convolution.")
    activation: Activation = Field("relu", description="Activation after the norm.")
    order: Order = Field("conv-norm-activation", description="The order in which these follow one another.")
    dropout: DropoutField = Field(NO_DROPOUT, description="Dropout after norm and activation.")

    @model_validator(mode="after")
    def _kinds_fit(self) -> "Conv":
        if self.out_channels is None and self.kind != "depthwise":
            raise ValueError("out_channels is missing: give the number of output channels")
        if self.groups != 1 and self.kind != "conv":
            raise ValueError(f"groups (={self.groups}) goes with kind conv: a {self.kind} convolution sets its own")
        if self.basis is not None and self.kind != "conv":
            raise ValueError(f"basis goes with kind conv: give this {self.kind} convolution basis: none")
        if isinstance(self.basis, int):
            refuse_too_many_filters(self.basis, self.kernel_size)
        return self


class Residual(Model):
    """A path around a block's convolutions, added to their output (He et al. 2016)."""

    kind: Literal["none", "identity", "projection"] = Field(
        "identity", description="`identity`: the input itself. `projection`: a 1x1 convolution of it, without bias."
    )
    activation: Activation = Field("none", description="Activation after the addition.")


NO_RESIDUAL = Residual(kind="none")


class Block(Model):
    """Convolutions, then pooling, then dropout."""

    name: str | None = Field(
        None, pattern=IDENTIFIER, description="Name in `state_dict`, and for `weights_from`; default: block1, block2, …"
    )
    convs: Annotated[tuple[Annotated[Conv, expanding("convs", Conv | Count)], ...], Strict(False), FailFast()] = Field(
        (), description="The convolutions in order; a bare number is `out_channels`."
    )
    residual: Annotated[Residual, expanding("residual", Residual | Literal["none", "identity", "projection"])] = Field(
        NO_RESIDUAL, description="A path around the convolutions."
    )
    repeat: int = Field(1, ge=1, le=1000, description="How many times the convolutions are applied, one after another.")
    share_weights: bool = Field(
        False, description="Whether the repetitions share their convolutions; each keeps its own norm."
    )
    weights_from: str | None = Field(
        None, description="Name of an earlier block whose convolutions this one uses; it keeps its own norms."
    )
    pool: Pool = Field(NoPool(kind="none"), description="Pooling after the convolutions.")
    dropout: DropoutField = Field(NO_DROPOUT, description="Dropout after the pooling.")

    @model_validator(mode="after")
    def _holds_something(self) -> "Block":
        if not self.convs:
            if isinstance(self.pool, NoPool) and not self.dropout.p:
                raise ValueError("the block is empty: give it convs, pool or dropout")
            for key in ("repeat", "residual", "weights_from"):
                if getattr(self, key) != type(self).model_fields[key].default:
                    raise ValueError(f"{key} needs convs to act on")
        if self.share_weights and self.repeat == 1:
            raise ValueError("share_weights needs a repeat of at least 2: a single pass has nothing to share")
        return self


class Hidden(Model):
    """A fully connected layer before the last one."""

    out_features: Count = Field(description="Number of outputs.")
    bias: bool = Field(True, description="Whether a learned constant is added to each output.")
    activation: Activation = Field("relu", description="Activation after the layer.")
    dropout: DropoutField = Field(NO_DROPOUT, description="Dropout after the activation, of single values.")

    @model_validator(mode="after")
    def _has_no_channels(self) -> "Hidden":
        if self.dropout.kind == "channel":
            raise ValueError("dropout of kind channel needs channels, which a hidden layer does not have: use element")
        return self


OutputActivation = Literal["log_softmax", "none"]


class LinearHead(Model):
    """Flatten, then fully connected layers down to the classes."""

    kind: Literal["linear"] = Field(description="Fully connected.")
    hidden: Annotated[tuple[Annotated[Hidden, expanding("hidden", Hidden | Count)], ...], Strict(False), FailFast()] = (
        Field((), description="Hidden layers in order; a bare number is `out_features`.")
    )
    bias: bool = Field(True, description="Whether the last layer has a bias.")
    activation: OutputActivation = Field("log_softmax", description="`none` gives logits.")


class GlobalPoolHead(Model):
    """The mean or maximum of each channel is the score of a class: no parameters (Lin et al. 2013)."""

    kind: Literal["global_pool"] = Field(description="Global pooling alone.")
    pool: Literal["average", "max"] = Field("average", description="What is taken from each channel.")
    activation: OutputActivation = Field("log_softmax", description="`none` gives logits.")


Head = Annotated[
    Annotated[LinearHead | GlobalPoolHead, Field(discriminator="kind")],
    expanding("head", LinearHead | GlobalPoolHead | Literal["linear", "global_pool"]),
]
