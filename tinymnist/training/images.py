"""The images of a training: what the spec and the caller ask for, and what a run records of them."""

from pathlib import Path

from tinymnist.data import Dataset, is_there, load_dataset
from tinymnist.data.as_read import ReadOptions
from tinymnist.data.levels import mean_and_std
from tinymnist.errors import DataError, SpecError, UsageError
from tinymnist.notices import DATA_WARNINGS, Warn, fields_of
from tinymnist.spec import Spec
from tinymnist.spec.data import Data
from tinymnist.spec.recipe import Normalize
from tinymnist.text import shape_text, shown
from tinymnist.training.records import Origin
from tinymnist.training.run import Run


def asked_for(spec: Spec, dataset: str | None = None, validation: int | None = None) -> Data:
    """What `spec` declares, with the caller's data set and number of images to hold out in its place."""
    given = {"dataset": dataset, "validation": validation}
    return (spec.data or Data()).model_copy(update={key: value for key, value in given.items() if value is not None})


def of_run(run: Run) -> Data:
    """What a run was trained on."""
    return asked_for(run.spec, run.environment.dataset, run.environment.validation)


def load_images(asked: Data, data_dir: Path | None, warn: Warn, *, may_download: bool = True) -> Dataset:
    """Loads the whole data set, with nothing held out yet. Raises as `load_dataset` does."""
    options = ReadOptions(asked.resize, asked.skip_unreadable)
    return load_dataset(asked.dataset, data_dir, warn, options, may_download=may_download)


def refuse_unfit_images(spec: Spec, data: Dataset) -> None:
    """Raises `SpecError` where the network takes other images, or tells another number of classes."""
    asked = (spec.input.channels, spec.input.height, spec.input.width)
    if asked != data.shape:
        raise SpecError(
            f"{spec.name}: input is {shape_text(asked)}, {data.name} has {shape_text(data.shape)}: make the two alike"
        )
    classes = len(data.class_names)
    if spec.classes != classes:
        raise SpecError(f"{spec.name}: classes is {spec.classes}, {data.name} has {classes}: make the two alike")


def refuse_other_classes(run: Run, data: Dataset) -> None:
    """Raises `UsageError` where a run tells other classes than those of `data`. Earlier versions recorded no names."""
    if run.environment.data is not None and run.class_names != data.class_names:
        theirs, ours = next(pair for pair in zip(run.class_names, data.class_names, strict=True) if pair[0] != pair[1])
        raise UsageError(
            f"{run.path}: tells class {shown(theirs)} where {data.name} has {shown(ours)}: name images of its classes"
        )


def refuse_missing_images(run: Run, *, others: bool) -> None:
    """Raises `DataError` where nothing is at the path of a run's images, which `--dataset` may replace if `others`."""
    path = run.environment.dataset
    if not is_there(path):
        remedy = "put it back" + (", or name others by --dataset" if others else "")
        raise DataError(
            f"{run.path}: was trained on {path}, where nothing is now (seen from the current folder): {remedy}"
        )


def refuse_changed_images(run: Run, data: Dataset, *, others: bool) -> None:
    """Raises `DataError` where `data`, found where a run's images were, are not the same, with `others` as above."""
    recorded = run.environment.data
    if recorded is not None and recorded.digest != data.digest:
        remedy = "put them back" + (", or name others by --dataset" if others else "")
        raise DataError(f"{run.path}: was trained on other images than those that {data.name} holds now: {remedy}")


def measured_normalize(data: Dataset) -> Normalize:
    """By the mean and the standard deviation of the pixels to train on. Raises `DataError`."""
    mean, std = mean_and_std(data.train.images.numpy(), data.name)
    return Normalize(mean=mean, std=std)


def origin_of(data: Dataset, asked: Data) -> Origin:
    """What a run records of its images."""
    return Origin(
        digest=data.digest,
        class_names=list(data.class_names),
        prepare=asked.prepare or data.prepare,
        warnings=[fields_of(notice) for notice in data.notices if isinstance(notice, DATA_WARNINGS)],
    )
