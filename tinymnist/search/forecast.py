"""What a search is going to do, told without a training: the size of its space, how much of it fits, the epochs."""

import math
from dataclasses import dataclass

import numpy as np

from tinymnist.search.load import SearchFile
from tinymnist.search.origin import origin


@dataclass(frozen=True)
class Forecast:
    """Shares are of `drawn` networks whose values were drawn each on its own."""

    networks: float
    """Combinations of values; infinite where a value need not be a whole number."""
    drawn: int
    valid: float
    """The share whose layers go together."""
    fitting: float
    """The share that uses enough of the budget, and not more."""
    scaled: float
    """The same after their widths were scaled to the budget, as those of every proposal are."""
    base_is_tried: bool
    """Whether the base itself is in the space and fits the budget: it is then the first network."""
    trainings: tuple[float, ...]
    """Expected for each rung of networks in no order; where each is better than those before, more go on."""
    epochs: float
    """The same of the epochs."""
    epochs_of_finals: int
    """Of finalists and winners at the most."""


def forecast(file: SearchFile, drawn: int = 200) -> Forecast:
    """Draws so many networks and counts, which takes some seconds."""
    random, space, search = np.random.default_rng(0), file.space, file.search
    valid = fitting = scaled = 0
    for _ in range(drawn):
        values = space.draw(random)
        found = space.candidate(values)
        valid += found is not None
        fitting += found is not None and space.budget.fill <= found.use <= 1
        scaled += space.fitted(values) is not None
    shares = np.cumprod([1.0, *(rung.keep or 0.0 for rung in search.rungs[:-1])])
    trainings = tuple(float(search.trials * share) for share in shares)
    epochs = sum(count * rung.epochs for count, rung in zip(trainings, search.rungs, strict=True))
    finalists, last = min(search.finalists.keep, search.trials), search.rungs[-1].epochs
    winners = 1 if search.has_one_objective else finalists
    return Forecast(
        networks=math.prod(axis.size for axis in space.axes),
        drawn=drawn,
        valid=valid / drawn,
        fitting=fitting / drawn,
        scaled=scaled / drawn,
        base_is_tried=origin(space) is not None,
        trainings=trainings,
        epochs=epochs,
        epochs_of_finals=(finalists + winners) * search.finalists.seeds * last,
    )
