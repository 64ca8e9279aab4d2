"""Opens finished runs with their networks and the images that they are scored on."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from tinymnist.data import Dataset, usable_source
from tinymnist.errors import UsageError
from tinymnist.notices import Warn, warn_in_python
from tinymnist.spec.data import Data
from tinymnist.training.device import choose_device
from tinymnist.training.directory import RunDirectory
from tinymnist.training.images import (
    asked_for,
    load_images,
    of_run,
    refuse_changed_images,
    refuse_missing_images,
    refuse_other_classes,
    refuse_unfit_images,
)
from tinymnist.training.known import may_know_scored_images, refuse_known_images
from tinymnist.training.records import TrainedOn
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
    asked = [of_run(run) if dataset is None else asked_for(run.spec, dataset, 0) for run in runs]
    for run in runs:
        if dataset is None:
            refuse_missing_images(run, others=True)
        else:
            usable_source(dataset)
    so_far = {id(run) for run in runs if unfinished and isinstance(run, RunDirectory) and not run.finished}
    models = [None if id(run) in so_far else run.load_model().to(chosen_device) for run in runs]

    @cache
    def load(images: Data) -> Dataset:
        if images.validation:
            return load(images.model_copy(update={"validation": 0})).hold_out(images.validation)
        return load_images(images, data_dir, warn)

    opened = []
    for run, images, model in zip(runs, asked, models, strict=True):
        count = images.validation if held_out else 0
        _refuse_training_images(run, TrainedOn(dataset=images.dataset, validation=count))  # perhaps before a download
        data = load(images.model_copy(update={"validation": count}))
        if dataset is None:
            refuse_changed_images(run, data, others=True)
        refuse_unfit_images(run.spec, data)
        refuse_other_classes(run, data)
        _refuse_training_images(run, TrainedOn(dataset=data.name, validation=count, digest=data.digest))
        refuse_known_images(run, data, data_dir, warn)
        how_far = None
        if model is None:
            assert isinstance(run, RunDirectory)
            model, how_far = network_so_far(run, partial(load, of_run(run)), chosen_device, warn)
        opened.append(TrainedNetwork(run, model, data, "validation" if count else "test", chosen_device, how_far))
    return opened


def _refuse_training_images(run: Run, scored: TrainedOn) -> None:
    """Raises `UsageError` where the images to score may have been among the training images of `run`."""
    for known in run.trained_on:
        if may_know_scored_images(known, scored):
            raise UsageError(
                f"{run.path}: was trained on {known.dataset}, so it may know images of {scored.dataset} that are "
                f"scored: evaluate it with --dataset {shlex.quote(known.dataset)}"
            )
