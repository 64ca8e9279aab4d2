"""The random specs of `tests/support/specs.py` draw every kind of layer that the language has."""

from typing import Any, get_args

import pytest

from tests.support.specs import CONVS, DROPOUTS, NORMS, POOLS, RESIDUALS
from tinymnist.spec.layers import Block, Conv, Dropout, Norm, Pool, Residual


def kinds(language: Any) -> set[str]:
    """The values of `kind` in a model of the language, or in all models of an annotated union."""
    models = get_args(get_args(language)[0]) if get_args(language) else [language]
    return {kind for model in models for kind in get_args(model.model_fields["kind"].annotation)}


def test_every_kind_of_convolution_is_drawn() -> None:
    assert set(CONVS) == kinds(Conv)


@pytest.mark.parametrize(
    ("model", "key", "language", "drawn"),
    [
        (Conv, "norm", Norm, NORMS),
        (Block, "pool", Pool, POOLS),
        (Block, "residual", Residual, RESIDUALS),
        (Block, "dropout", Dropout, DROPOUTS),
    ],
    ids=["norm", "pool", "residual", "dropout"],
)
def test_every_kind_is_drawn(model: type[Conv | Block], key: str, language: Any, drawn: list[Any]) -> None:
    needed: dict[str, Any] = {"out_channels": 4} if model is Conv else {"convs": [4]}
    assert {getattr(model.model_validate({**needed, key: value}), key).kind for value in drawn} == kinds(language)
