"""Opens finished runs with their networks and the images that they are scored on."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from tinymnist.data import Dataset, load_dataset, usable_name
from tinymnist.errors import UsageError
from tinymnist.notices import Warn, warn_in_python
from tinymnist.training.device import choose_device
from tinymnist.training.directory import RunDirectory
from tinymnist.training.run import Run
from tinymnist.training.unfinished import Reached, network_so_far


@dataclass(frozen=True, slots=True)
class TrainedNetwork:
    """The network of a finished run, and data to judge it by."""

    run: Run
    model: nn.Sequential
    """In evaluation mode, on `device`."""
    data: Dataset
    """Its test images are those to score, and were not among the run's training images."""
    scored_on: Literal["test", "validation"]
    """Whether the images to score are the test set, or those that the run held out."""
    device: torch.device
    reached: Reached | None = None
    """How far the training is, where it is not finished."""


def open_trained(
    runs: Sequence[Run],
    dataset: str | None = None,
    data_dir: Path | None = None,
    device: str = "cpu",
    warn: Warn = warn_in_python,
    *,
    held_out: bool = False,
    unfinished: bool = False,
) -> list[TrainedNetwork]:
    """Opens finished runs with the data set `dataset`, by default the one that each was trained on. Each data set is
    loaded once, after the networks: what is damaged is not worth a download.

    With `held_out`, and where no `dataset` is named, a run that held images out is scored on those, so that a recipe
    that is still being tuned is never looked at through the test set. With `unfinished`, a run that is not finished is
    opened with the network of its last checkpoint. `warn` is called where `auto` means mnist-5k.

    Raises `RunError` where a run is not finished, or has no checkpoint yet, `UsageError` where the test images were
    among its training images, `DataError` for data or damage.
    """
    chosen_device = choose_device(device)
    names = [usable_name(run.environment.dataset if dataset is None else dataset) for run in runs]
    so_far = {id(run) for run in runs if unfinished and isinstance(run, RunDirectory) and not run.finished}
    models = [None if id(run) in so_far else run.load_model().to(chosen_device) for run in runs]

    @cache
    def load(name: str, count: int) -> Dataset:
        return load(name, 0).hold_out(count) if count else load_dataset(name, data_dir, warn)

    opened = []
    for run, name, model in zip(runs, names, models, strict=True):
        count = run.environment.validation if held_out and dataset is None else 0
        data = load(name, count)
        _refuse_training_images(run, data)
        how_far = None
        if model is None:
            assert isinstance(run, RunDirectory)
            made = run.environment
            train_images = partial(load, made.dataset, made.validation)
            model, how_far = network_so_far(run, train_images, chosen_device, warn)
        opened.append(TrainedNetwork(run, model, data, "validation" if count else "test", chosen_device, how_far))
    return opened


def _refuse_training_images(run: Run, data: Dataset) -> None:
    """Raises `UsageError` where the test images of `data` were among the training images of `run`."""
    if data.name == "mnist-5k" and any(known.dataset == "mnist" for known in run.trained_on):
        raise UsageError(
            f"{run.path}: was trained on all of MNIST, which mnist-5k is a part of: evaluate it with --dataset mnist"
        )
