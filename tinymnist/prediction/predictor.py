"""Reads digits in picture files with a trained network."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from os import PathLike

import numpy as np
import torch
from torch import Tensor

from tinymnist.errors import ImageError, RunError
from tinymnist.notices import Warn, warn_in_python
from tinymnist.prediction.find import Found, find_images
from tinymnist.prediction.images import read_scaled
from tinymnist.prediction.prepare import SIDE, Picture, prepare, prepare_each
from tinymnist.prediction.several import Box
from tinymnist.training import Run, load_run
from tinymnist.training.device import choose_device
from tinymnist.training.score import in_batches, normalized

CLASSES = 10


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """The digit that a network read in one file."""

    file: str
    picture: Picture
    """The network's input: (28, 28) uint8, light on dark."""
    probabilities: tuple[float, ...]
    """One per digit, from 0 to 1, as the network gives them. They are not a promise, least of all without a digit."""
    label: int | None = None
    """The digit on the picture, where its folder says so."""
    box: Box | None = None
    """Where the digit lies, where several were looked for."""

    @property
    def digit(self) -> int:
        return self.top(1)[0]

    def top(self, count: int) -> list[int]:
        """The `count` most probable digits, most probable first."""
        return sorted(range(len(self.probabilities)), key=lambda digit: -self.probabilities[digit])[:count]


@dataclass(frozen=True, slots=True)
class Unusable:
    """A file that could not be used."""

    file: str
    error: ImageError
    label: int | None = None


def predict(
    run: Run | str | PathLike[str],
    images: Iterable[str | PathLike[str]],
    *,
    many: bool = False,
    device: str = "auto",
    warn: Warn = warn_in_python,
) -> list[Prediction]:
    """Reads digits with the network of a finished run: in PNG, JPEG and WebP files, in folders of such files, and in
    files that match patterns such as `digits/*.png`; each file once. With `many`, reads every digit in a picture, from
    left to right.

    Raises `ImageError` for the first file that cannot be used, `RunError` where the run is not finished or not for
    digits, `DataError` where it is damaged.
    """
    found = predict_each(run, images, many=many, device=device, warn=warn)
    for each in found:
        if isinstance(each, Unusable):
            raise each.error
    return [each for each in found if isinstance(each, Prediction)]


def predict_each(
    run: Run | str | PathLike[str],
    images: Iterable[str | PathLike[str]],
    *,
    many: bool = False,
    device: str = "auto",
    warn: Warn = warn_in_python,
) -> list[Prediction | Unusable]:
    """Reads digits as `predict` does, with an `Unusable` for each file that cannot be used. Raises `RunError` and
    `DataError`."""
    if not isinstance(run, Run):
        run = load_run(run)
    _refuse_other_networks(run)
    chosen_device = choose_device(device)
    model = run.load_model().to(chosen_device)
    prepared = [each for file in find_images(images, warn) for each in _prepared(file, many)]
    pictures = [each.picture for each in prepared if isinstance(each, Prediction)]
    probabilities = iter(_probabilities(run, model, pictures, chosen_device))
    return [
        replace(each, probabilities=tuple(next(probabilities))) if isinstance(each, Prediction) else each
        for each in prepared
    ]


def _prepared(file: Found, many: bool) -> list[Prediction] | list[Unusable]:
    """The pictures of the digits in a file, without probabilities yet."""
    try:
        grey, scale = read_scaled(file.path)
        if many:
            return [Prediction(file.path, picture, (), box=box) for box, picture in prepare_each(grey, scale)]
        return [Prediction(file.path, prepare(grey), (), file.label)]
    except ImageError as error:
        return [Unusable(file.path, ImageError(f"{file.path}: {error}"), None if many else file.label)]


def _probabilities(
    run: Run, model: torch.nn.Module, pictures: list[Picture], device: torch.device
) -> list[list[float]]:
    """One row per picture, one number per digit."""
    if not pictures:
        return []

    def outputs(batch: Tensor) -> Tensor:
        computed: Tensor = model(normalized(batch, run.spec.train.normalize, device))
        return computed.cpu()

    computed = torch.cat(in_batches(outputs, torch.from_numpy(np.stack(pictures)).unsqueeze(1)))
    probabilities: list[list[float]] = computed.double().softmax(1).tolist()  # softmax undoes a log_softmax
    return probabilities


def _refuse_other_networks(run: Run) -> None:
    """Raises `RunError` for a network that does not take MNIST's pictures, or does not tell digits apart."""
    shape = run.spec.input
    if (shape.channels, shape.height, shape.width, run.spec.classes) != (1, SIDE, SIDE, CLASSES):
        raise RunError(
            f"{run.path}: takes {shape.channels}x{shape.height}x{shape.width} and tells {run.spec.classes} classes: "
            f"expects a network for 1x{SIDE}x{SIDE} and {CLASSES} digits"
        )
    if run.environment.dataset == "fashion-mnist":
        raise RunError(f"{run.path}: was trained on fashion-mnist, which has no digits: name another run")
