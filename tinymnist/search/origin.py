"""Where the base of a search lies in its own space. It is the first network to try, so that the known is a start."""

from collections.abc import Iterator
from typing import Any

from tinymnist.errors import SpecError
from tinymnist.search.space import Axis, Candidate, Space, Value
from tinymnist.spec import Spec
from tinymnist.spec.path import Path


def origin(space: Space) -> Candidate | None:
    """The base itself; None where it is outside the space, or does not use what the budget asks for."""
    base = space.base_spec
    values: dict[str, Value] = {}
    for axis in space.axes:
        found = next((value for value in _possible(axis, base) if _changes_nothing(space, axis, value)), None)
        if found is None:
            return None
        values[axis.key] = found
    candidate = space.candidate(values)
    return candidate if candidate is not None and space.budget.fill <= candidate.use <= 1 else None


def _possible(axis: Axis, base: Spec) -> Iterator[Value]:
    """Values of an axis that may be the base's."""
    if axis.dimension.choice is not None:
        yield from axis.options
        return
    value = _at(base.model_dump(mode="json"), axis.paths[0])
    if isinstance(value, int | float) and axis.contains(value):
        yield value


def _at(data: Any, path: Path) -> Any:
    """What a spec has at `path`, of a layer its width; None where it has nothing."""
    try:
        for part in path:
            data = data[part]
    except (LookupError, TypeError):
        return None
    return data.get("out_channels", data.get("out_features")) if isinstance(data, dict) else data


def _changes_nothing(space: Space, axis: Axis, value: Value) -> bool:
    try:
        return _as_trained(space.base_with(axis.overrides(value))) == _as_trained(space.base_spec)
    except SpecError:
        return False


def _as_trained(spec: Spec) -> Spec:
    """Without what only says how the recipe came about, which any override of the recipe drops."""
    return spec.model_copy(update={"train": spec.train.model_copy(update={"chosen_on": ""})})
