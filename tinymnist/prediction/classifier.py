"""The network of a finished run, ready to tell the classes of pictures that are prepared for it."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tinymnist.errors import DataError, RunError
from tinymnist.model.pixels import normalized
from tinymnist.prediction.images import Picture
from tinymnist.prediction.prepare import SIDE
from tinymnist.text import shape_text
from tinymnist.training import Run
from tinymnist.training.device import choose_device
from tinymnist.training.score import in_batches

DIGITS = tuple("0123456789")


def reads_digits(run: Run) -> bool:
    """Whether the run's network reads the ten digits, rather than telling other things apart."""
    return run.prepare == "mnist" and run.class_names == DIGITS


class Classifier:
    """Puts pictures to a network."""

    def __init__(self, run: Run, device: str) -> None:
        """Raises `RunError` where the run is not finished or no picture can be prepared for its network, `DataError`
        where it is damaged."""
        _refuse_unusable(run)
        self.run, self.class_names = run, run.class_names
        self._device = choose_device(device)
        self._model = run.load_model().to(self._device)

    def probabilities(self, pictures: Sequence[Picture] | NDArray[np.uint8]) -> NDArray[np.float64]:
        """(N, classes): one row per picture, each of them of the size and colour of the network's input. Raises
        `DataError` where the outputs are not finite numbers."""
        if not len(pictures):
            return np.empty((0, self.run.spec.classes))

        def outputs(batch: Tensor) -> Tensor:
            computed: Tensor = self._model(normalized(batch, self.run.spec.train.normalize, self._device))
            return computed.cpu()

        images = torch.from_numpy(np.stack([*pictures]))
        images = images.unsqueeze(1) if images.ndim == 3 else images.permute(0, 3, 1, 2)
        computed = torch.cat(in_batches(outputs, images)).double()
        if not computed.isfinite().all():
            raise DataError(
                f"{self.run.path}: damaged: its network's outputs are not finite numbers: train it or copy it again"
            )
        return np.asarray(computed.softmax(1).numpy())  # softmax undoes a log_softmax


def _refuse_unusable(run: Run) -> None:
    shape = (run.spec.input.channels, run.spec.input.height, run.spec.input.width)
    if run.prepare == "mnist" and shape != (1, SIDE, SIDE):
        raise RunError(
            f"{run.path}: takes {shape_text(shape)}: pictures prepared as MNIST's are 1x{SIDE}x{SIDE}: train it with "
            "`data: {prepare: resize}`"
        )
    if run.prepare == "mnist" and run.environment.dataset == "fashion-mnist":
        raise RunError(f"{run.path}: was trained on fashion-mnist, which has no digits: name another run")
    if shape[0] not in (1, 3):
        raise RunError(f"{run.path}: takes {shape_text(shape)}: pictures have 1 channel or 3: name another run")
