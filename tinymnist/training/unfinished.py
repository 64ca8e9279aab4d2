"""The network of a training that has not come to its end, as its last checkpoint has it."""

import os
from collections.abc import Callable
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import nn

from tinymnist.data import Dataset, Split
from tinymnist.model import build_model
from tinymnist.model.generator import drawing
from tinymnist.notices import Warn
from tinymnist.training.averaging import Average
from tinymnist.training.checkpoint import State, load_checkpoint
from tinymnist.training.directory import RunDirectory, not_finished
from tinymnist.training.early_stopping import Best
from tinymnist.training.engine import TorchEngine
from tinymnist.training.optimizer import make_optimizer


@dataclass(frozen=True, slots=True)
class Reached:
    """How far an unfinished training is: `epoch` of `epochs` are done, and `step` steps of the next."""

    epoch: int
    step: int
    epochs: int


def reached(run: RunDirectory) -> Reached:
    """How far an unfinished run is. Raises `RunError` where it has no checkpoint yet, `DataError` for damage."""
    return _restored(run, None)[2]


def network_so_far(
    run: RunDirectory, load_data: Callable[[], Dataset], device: torch.device, warn: Warn
) -> tuple[nn.Sequential, Reached]:
    """The network in evaluation mode, and how far it is trained. Where the recipe averages weights, it has the average,
    with batch norm statistics measured on the training images of `load_data()`. Raises as `reached` does."""
    train = None if run.spec.train.ema is None else load_data().train.to(device)
    model, average, so_far = _restored(run, train, device)
    if average is not None:
        optimizer = make_optimizer(run.spec.train.optimizer, model)
        with closing(TorchEngine(run.spec.train, model, optimizer, device, warn)) as engine, average.in_place(engine):
            model = deepcopy(model)
    return model.eval(), so_far


def _restored(
    run: RunDirectory, train: Split | None, device: torch.device | None = None
) -> tuple[nn.Sequential, Average | None, Reached]:
    if not os.path.isfile(run.checkpoint):
        raise not_finished(run.path)
    recipe = run.spec.train
    with drawing(0):  # what torch draws is overwritten
        model = build_model(run.spec).to(device)
    nothing = Split(torch.empty(0, 1, 1, 1, dtype=torch.uint8), torch.empty(0, dtype=torch.int64))
    average = None if recipe.ema is None else Average(model, recipe, train or nothing)
    best = None if recipe.early_stopping is None else Best(model)
    state = State(model, make_optimizer(recipe.optimizer, model), average, best)
    progress = load_checkpoint(run.checkpoint, state)
    return model, average, Reached(progress.epoch, progress.step, recipe.epochs)
