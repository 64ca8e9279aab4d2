"""Early stopping: whether a training still improves, and the weights that did best. Held-out images decide alone."""

import math
from collections.abc import Sequence

from torch import Tensor, nn

from tinymnist.spec.recipe import EarlyStopping
from tinymnist.training.observer import EpochRow


class Best:
    """A copy of the weights that did best on the held-out images; before the first epoch, of the first weights."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self.tensors: dict[str, Tensor] = {name: each.detach().clone() for name, each in model.state_dict().items()}

    def take(self) -> None:
        """Copies the weights that are in the model now."""
        for name, tensor in self._model.state_dict().items():
            self.tensors[name].copy_(tensor)


def best_row(rows: Sequence[EpochRow]) -> EpochRow:
    """The epoch with the highest accuracy on the images that are scored, the first of equals."""
    return max(rows, key=lambda row: row.eval_accuracy)


def has_stalled(options: EarlyStopping, rows: Sequence[EpochRow]) -> bool:
    """Whether the last `patience` epochs did not improve the accuracy by more than `min_improvement`."""
    best, waited = -math.inf, 0
    for row in rows:
        better = row.eval_accuracy > best + options.min_improvement
        best, waited = (row.eval_accuracy, 0) if better else (best, waited + 1)
    return waited >= options.patience
