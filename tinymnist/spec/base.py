"""What all models of the spec language share: strictness, number types, and shorthand."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, Strict, ValidationInfo

from tinymnist.text import shown

MAX_SIZE = 10**9
"""The largest size a spec may name. It is far beyond tiny, and small enough that no count overflows."""

MAX_WINDOW = 1000
"""The largest side, step or border of a window: no image here is that large, and torch would take minutes to walk over
a border of a billion."""

MAX_SIDE = 96
"""Pixels of the longest side of an image that is read from anywhere."""

MAX_RATE = 1e6
"""The highest rate: beyond any use, and well within float32."""

MAX_ENTRIES = 100
"""The most entries of a list that is not made of layers."""

Epochs = Annotated[int, Field(ge=1, le=100_000)]

SHORTHANDS = {
    "convs": "out_channels",
    "hidden": "out_features",
    "head": "kind",
    "pool": "kind",
    "norm": "kind",
    "residual": "kind",
    "dropout": "p",
    "optimizer": "name",
    "schedule": "name",
    "ema": "decay",
    "early_stopping": "patience",
}
"""For each key that may be given as a bare value, the key of the mapping that the value stands for."""


class Model(BaseModel):
    """Base of every part of a spec: frozen, strictly typed, closed to unknown keys."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


def expand(key: str, value: Any) -> Any:
    """`value` with the shorthand of `key` written out: ("pool", "max") gives {"kind": "max"}."""
    if isinstance(value, dict | list | Model) or value is None:
        return value
    return {SHORTHANDS[key]: value}


def expanding(key: str, shorthand: Any) -> BeforeValidator:
    """A validator that accepts the shorthand of `key`, of type `shorthand`, as well as the full mapping."""
    return BeforeValidator(lambda value: expand(key, value), json_schema_input_type=shorthand)


Count = Annotated[int, Field(ge=1, le=MAX_SIZE)]
_Side = Annotated[int, Field(ge=1, le=MAX_WINDOW)]
_Border = Annotated[int, Field(ge=0, le=MAX_WINDOW)]
_ImageSide = Annotated[int, Field(ge=1, le=MAX_SIDE)]
Probability = Annotated[float, Field(ge=0, lt=1)]


def _pair(value: Any) -> Any:
    if type(value) is int:
        return (value, value)
    if isinstance(value, list | tuple) and len(value) == 2:
        return tuple(value)
    raise ValueError(f"expects a whole number, or a pair [height, width], found {shown(value)}")


def _shortest(pair: tuple[int, int]) -> int | list[int]:
    return pair[0] if pair[0] == pair[1] else list(pair)


def _padding(value: Any, info: ValidationInfo) -> Any:
    """A border, or a word for one: `valid` is none, and `same` keeps the size where the stride is 1."""
    if value == "valid":
        return (0, 0)
    if value != "same":
        return _pair(value)
    kernel, dilation = info.data.get("kernel_size") or (1, 1), info.data.get("dilation") or (1, 1)
    if any(size % 2 == 0 for size in kernel):
        raise ValueError("same needs an odd kernel_size: an even one has no middle; give the padding as a number")
    return tuple(size // 2 * step for size, step in zip(kernel, dilation, strict=True))


CountPair = Annotated[
    tuple[_Side, _Side],
    Strict(False),
    BeforeValidator(_pair, json_schema_input_type=_Side | tuple[_Side, _Side]),
    PlainSerializer(_shortest),
]
"""Height and width of a window or step, each at least 1; one number stands for both."""

ImageSize = Annotated[
    tuple[_ImageSide, _ImageSide],
    Strict(False),
    BeforeValidator(_pair, json_schema_input_type=_ImageSide | tuple[_ImageSide, _ImageSide]),
    PlainSerializer(_shortest),
]
"""Height and width of an image; one number stands for both."""

SizePair = Annotated[
    tuple[_Border, _Border],
    Strict(False),
    BeforeValidator(_pair, json_schema_input_type=_Border | tuple[_Border, _Border]),
    PlainSerializer(_shortest),
]
"""Height and width of a border, each at least 0; one number stands for both."""

Padding = Annotated[
    tuple[_Border, _Border],
    Strict(False),
    BeforeValidator(_padding, json_schema_input_type=_Border | tuple[_Border, _Border] | Literal["same", "valid"]),
    PlainSerializer(_shortest),
]
"""Like `SizePair`, or `same` or `valid`; the model needs a `kernel_size` before it."""
