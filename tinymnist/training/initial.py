"""The trained network that a new run starts from."""

from os import PathLike

from torch import nn

from tinymnist.data import Dataset
from tinymnist.errors import DataError, RunError, UsageError
from tinymnist.model import build_model
from tinymnist.model.generator import drawing
from tinymnist.model.tensors import copy_tensors
from tinymnist.spec import Spec
from tinymnist.text import printable
from tinymnist.training.known import has_changed_since, may_know_scored_images
from tinymnist.training.load import load_run
from tinymnist.training.records import Initial, TrainedOn
from tinymnist.training.run import Run


def refuse_missing_initial(spec: Spec, initial: object | None) -> None:
    """Raises `UsageError` for a recipe that rounds, where there is no trained network to start from."""
    if spec.train.quantize is not None and initial is None:
        raise UsageError("train.quantize: is for a trained network: use `tinymnist quantize RUN`, or train --from RUN")


def open_initial(path: str | PathLike[str]) -> Run:
    """The finished run at `path`, checked to be whole. Raises `RunError` and `DataError`."""
    try:
        run = load_run(path)
        run.load_model()
    except (RunError, DataError) as error:
        raise type(error)(f"--from: {error}") from None
    return run


def initial_record(run: Run) -> Initial:
    """What a run records about the network that it starts from."""
    return Initial(
        run=printable(str(run.path)), weights_sha256=run.result.weights_sha256, trained_on=list(run.trained_on)
    )


def reopen_initial(record: Initial, origin: str) -> Run:
    """The run that `record` describes, for the training `origin`, which has not begun yet.

    Raises `DataError` where it is not there as it was.
    """
    try:
        run = open_initial(record.run)
    except (RunError, DataError) as error:
        raise DataError(f"{origin}: has no checkpoint yet, and cannot start again: {error}") from None
    if run.result.weights_sha256 != record.weights_sha256:
        raise DataError(f"{origin}: {record.run} has other weights than those it was to start from: start a new run")
    return run


def refuse_unfit_initial(run: Run, spec: Spec, data: Dataset, validation: int) -> None:
    """Raises `UsageError` where the weights of `run` do not fit `spec`, or know images that are to be scored:
    `validation` held-out images of `data`, or its test images."""
    with drawing(0):  # what torch draws is overwritten
        model = build_model(spec)
    try:
        copy_initial(run, model)
    except DataError as error:
        raise UsageError(f"--from {error}: give the architecture of that run, or none") from None
    scored = TrainedOn(dataset=data.name, validation=validation, digest=data.digest)
    for known in run.trained_on:
        if may_know_scored_images(known, scored) or has_changed_since(known, scored):
            held = known.validation
            raise UsageError(
                f"--from {run.path}: was trained on {known.dataset}, "
                + (f"of which {held:,} images were held out" if held else "all of it")
                + ", so it may know images that are scored here: train it on the same data with the same --validation"
            )


def copy_initial(run: Run, model: nn.Module) -> None:
    """Gives `model` the weights and statistics of `run`. Raises `DataError` where they do not fit."""
    copy_tensors(model.state_dict(), run.load_model().state_dict(), str(run.path))
