"""A whole spec: the content of one YAML architecture.

A `Spec` is complete: shorthand is expanded, `defaults:` are filled in, and `plan` has checked that every layer fits, so
nothing downstream has to check again.
"""

from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, FailFast, Field, Strict, field_validator, model_validator

from tinymnist.spec.base import MAX_ENTRIES, Count, CountPair, Model, Padding, expand
from tinymnist.spec.data import Data
from tinymnist.spec.layers import (
    IDENTIFIER,
    Activation,
    Basis,
    BasisField,
    Block,
    DropoutField,
    Head,
    LinearHead,
    Norm,
    Order,
    Pool,
)
from tinymnist.spec.plan import Plan, PlanProblem
from tinymnist.spec.recipe import Train
from tinymnist.spec.walk import MAX_LAYERS, plan

Feature = Literal[
    "average_pool",
    "basis",
    "batch_norm",
    "bias",
    "depthwise",
    "distill",
    "dropout",
    "global_pool",
    "group_norm",
    "linear",
    "max_pool",
    "residual",
    "separable",
    "shared_weights",
]


class Input(Model):
    """Shape of one image."""

    channels: Count = Field(1, description="Channels; 1 for grey images.")
    height: Count = Field(28, description="Rows of pixels.")
    width: Count = Field(28, description="Columns of pixels.")


class Defaults(Model):
    """Values for every block, convolution and hidden layer that does not set its own."""

    kernel_size: CountPair | None = Field(None, description="For every convolution.")
    padding: Padding | None = Field(None, description="For every convolution.")
    bias: bool | None = Field(None, description="For every convolution.")
    basis: BasisField = Field(None, description="For every convolution.")
    norm: Norm | None = Field(None, description="For every convolution.")
    order: Order | None = Field(None, description="For every convolution.")
    activation: Activation | None = Field(None, description="For every convolution and hidden layer.")
    pool: Pool | None = Field(None, description="For every block.")
    dropout: DropoutField | None = Field(None, description="For every block, after its pooling.")


class LinearCheck(Model):
    """Sizes that a fully connected layer must have."""

    in_features: Count = Field(description="Number of inputs.")
    out_features: Count = Field(description="Number of outputs.")


NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"

Budget = Annotated[int, Field(ge=0)]
Features = Annotated[tuple[Feature, ...], Strict(False), FailFast(), Field(max_length=MAX_ENTRIES)]


class Checks(Model):
    """What `tinymnist check` holds this network to; `train` enforces the budgets before its first step."""

    max_params: Budget | None = Field(None, description="At most this many parameters.")
    exact_params: Budget | None = Field(None, description="Exactly this many parameters.")
    max_macs: Budget | None = Field(None, description="At most this many multiply-adds for one image.")
    max_ram: Budget | None = Field(None, description="At most this many bytes of scratch memory in int8 C.")
    max_flash: Budget | None = Field(
        None, description="At most this many bytes of code and constants in int8 C, as estimated for a Cortex-M0+."
    )
    max_layers: Budget | None = Field(
        None, description="At most this many convolutions and fully connected layers, counted as often as they run."
    )
    max_blocks: Budget | None = Field(None, description="At most this many entries of `blocks`.")
    max_epochs: Budget | None = Field(None, description="At most this many passes over the training images.")
    require: Features = Field((), description="What the network must have.")
    forbid: Features = Field((), description="What the network must not have.")
    linear: LinearCheck | None = Field(None, description="Sizes that a fully connected layer must have.")


_BasisName = Annotated[str, Field(pattern=IDENTIFIER)]


def _written_out(value: Any) -> Any:
    if isinstance(value, str):  # the loader replaces a recipe's name with its content
        raise ValueError("only `load_spec` knows recipes by name: give the recipe itself")
    return value


class Spec(Model):
    """A tinymnist architecture: a network, what it is held to, and how it is trained."""

    name: str = Field(pattern=NAME, description="Letters, digits, `.`, `_` and `-`; names its runs.")
    description: str = Field("", max_length=2000, description="The idea of the network, for people to read.")
    input: Input = Field(Input(), description="Shape of one image.")
    classes: Annotated[Count, Field(ge=2)] = Field(10, description="Number of classes.")
    bases: Annotated[dict[_BasisName, Basis], Field(max_length=MAX_ENTRIES)] | None = Field(
        None, description="Small filters that convolutions share, by name."
    )
    defaults: Defaults | None = Field(None, exclude=True, description="Values that blocks may leave out.")
    blocks: Annotated[tuple[Block, ...], Strict(False), FailFast(), Field(min_length=1)] = Field(
        description="Blocks in order."
    )
    head: Head = Field(LinearHead(kind="linear"), description="From the last block to the classes.")
    checks: Checks = Field(Checks(), description="What the network is held to.")
    train: Annotated[Train, BeforeValidator(_written_out, json_schema_input_type=Train | str)] = Field(
        Train(), description="How it is trained: a recipe written out, or the name of a packaged one."
    )

    data: Data | None = Field(None, description="What it is trained and scored on.")

    @model_validator(mode="before")
    @classmethod
    def _fill_in_defaults(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        _refuse_too_many_layers(data)
        defaults, bases = (given if isinstance(given := data.get(key), dict) else {} for key in ("defaults", "bases"))
        if not (defaults or bases) or not isinstance(data.get("blocks"), list | tuple):
            return data
        given = {key: value for key, value in defaults.items() if key in Defaults.model_fields}
        of_convs = {key: value for key, value in given.items() if key not in ("pool", "dropout")}
        of_hidden = {key: value for key, value in given.items() if key == "activation"}
        of_blocks = {key: value for key, value in given.items() if key in ("pool", "dropout")}
        blocks = [
            _with_defaults({**block, "convs": _convs_with_defaults(block.get("convs", ()), of_convs, bases)}, of_blocks)
            if isinstance(block, dict)
            else block
            for block in data["blocks"]
        ]
        filled = {**data, "blocks": blocks}
        if isinstance(head := data.get("head"), dict) and "hidden" in head:
            filled["head"] = {**head, "hidden": _each_with_defaults("hidden", head["hidden"], of_hidden)}
        return filled

    @field_validator("defaults")
    @classmethod
    def _defaults_are_in_the_blocks_now(cls, _: Defaults | None) -> None:
        return None

    @model_validator(mode="after")
    def _fits(self) -> "Spec":
        _ = self.plan
        return self

    @cached_property
    def plan(self) -> Plan:
        """Shapes and counts of every layer."""
        image = (self.input.channels, self.input.height, self.input.width)
        return plan(image, self.classes, self.blocks, self.head, self.bases or {})


def _refuse_too_many_layers(data: dict[str, Any]) -> None:
    """Refuses far too many layers before validating them takes long. Raises `PlanProblem`."""
    blocks, head = data.get("blocks"), data.get("head")
    if not isinstance(blocks, list | tuple):
        return
    lists = [block.get("convs") for block in blocks if isinstance(block, dict)]
    lists += [head.get("hidden")] if isinstance(head, dict) else []
    layers = len(blocks) + sum(len(each) for each in lists if isinstance(each, list | tuple))
    if layers > 2 * MAX_LAYERS:
        raise PlanProblem(("blocks",), f"{layers:,} blocks and layers are more than a spec may have ({MAX_LAYERS:,})")


def _with_defaults(entry: Any, defaults: dict[str, Any]) -> Any:
    return {**defaults, **entry} if isinstance(entry, dict) else entry


def _convs_with_defaults(convs: Any, defaults: dict[str, Any], bases: dict[str, Any]) -> Any:
    """A convolution that names a basis has its kernel_size, unless it gives its own, which then must be the same."""
    filled = _each_with_defaults("convs", convs, defaults)
    if not isinstance(filled, list):
        return filled
    for conv, given in zip(filled, convs, strict=True):
        name = conv.get("basis") if isinstance(conv, dict) else None
        basis = bases.get(name) if isinstance(name, str) else None
        if isinstance(basis, dict) and not (isinstance(given, dict) and "kernel_size" in given):
            conv["kernel_size"] = basis.get("kernel_size", Basis.model_fields["kernel_size"].default)
    return filled


def _each_with_defaults(key: str, entries: Any, defaults: dict[str, Any]) -> Any:
    if not isinstance(entries, list | tuple):
        return entries
    return [_with_defaults(expand(key, entry), defaults) for entry in entries]
