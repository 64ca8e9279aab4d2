"""Training a network on with its numbers rounded, as its program in whole numbers rounds them."""

from os import PathLike
from pathlib import Path

from tinymnist.choices import WholeDtype
from tinymnist.errors import UsageError
from tinymnist.spec import Spec
from tinymnist.spec.base import MAX_RATE
from tinymnist.spec.schedules import Falling, OneCycle, Schedule
from tinymnist.training.api import train
from tinymnist.training.directory import RunDirectory
from tinymnist.training.load import load_run
from tinymnist.training.observer import Observer

EPOCHS = 2
GENTLER = 100
"""The highest learning rate of the run is divided by it. With a tenth, one of two networks `shared692` fell to 29 % of
10,000 held-out images."""


def quantize(
    path: str | PathLike[str],
    *,
    dtype: WholeDtype = "int8",
    epochs: int = EPOCHS,
    max_lr: float | None = None,
    seed: int | None = None,
    data_dir: Path | None = None,
    output: str | PathLike[str] = "runs",
    name: str | None = None,
    threads: int | None = None,
    observer: Observer | None = None,
) -> RunDirectory:
    """Trains the finished run at `path` on for some epochs, with weights and values rounded, and returns the new run.

    Weights have the bits that `dtype` says. Data, held-out images, optimizer and augmentation are those of the run, and
    so is the seed, unless given. The learning rate falls from `max_lr`, by default a hundredth of the run's highest, to
    0 along half a cosine. Raises `UsageError` for a network that has no form in whole numbers, and else as `train`
    does.
    """
    if max_lr is not None and not 0 < max_lr <= MAX_RATE:
        raise UsageError(f"--max-lr {max_lr:g}: expects a number above 0, up to {MAX_RATE:g}")
    run = load_run(path)
    if (before := run.spec.train.quantize) is not None:
        raise UsageError(f"{run.path}: is trained for {before} already: quantize the run that it began with")
    return train(
        rounding_spec(run.spec, dtype, epochs, max_lr),
        seed=run.environment.seed if seed is None else seed,
        dataset=run.environment.dataset,
        data_dir=data_dir,
        validation=run.environment.validation or None,
        initial=path,
        output=output,
        name=name,
        device="cpu",
        threads=threads,
        observer=observer,
    )


def rounding_spec(spec: Spec, dtype: WholeDtype, epochs: int, max_lr: float | None = None) -> Spec:
    """The network of `spec`, with the recipe that `quantize` trains it on by."""
    peak = _highest(spec.train.schedule) / GENTLER if max_lr is None else max_lr
    changes = {
        "epochs": epochs,
        "schedule": Falling(name="cosine", lr=peak),
        "engine": "auto",
        "distill": None,
        "quantize": dtype,
        "ema": None,
        "early_stopping": None,
        "chosen_on": "",
    }
    return spec.model_copy(update={"train": spec.train.model_copy(update=changes)})


def _highest(schedule: Schedule) -> float:
    return schedule.max_lr if isinstance(schedule, OneCycle) else schedule.lr
