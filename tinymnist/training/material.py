"""What a training needs besides the network: data, augmentation and teachers, checked against the spec."""

from dataclasses import dataclass
from pathlib import Path

from tinymnist.data import Dataset, load_dataset
from tinymnist.data.affine import AffineAugmenter, is_affine
from tinymnist.data.augment import Augmenter
from tinymnist.errors import SpecError, UsageError
from tinymnist.notices import Warn
from tinymnist.spec import Spec
from tinymnist.spec.schedules import Plateau
from tinymnist.text import shape_text
from tinymnist.training.run import Run
from tinymnist.training.teacher import refuse_unfit_teachers, teacher_runs


@dataclass(frozen=True)
class Material:
    """What a training needs besides the network."""

    data: Dataset
    augmenter: Augmenter | AffineAugmenter | None
    teachers: list[Run]

    @property
    def augmentation(self) -> str:
        """What augments: `batched`, `albumentations`, or `none`."""
        return "none" if self.augmenter is None else self.augmenter.name


def gather(spec: Spec, dataset: str, data_dir: Path | None, validation: int, warn: Warn) -> Material:
    """Gathers the material for training `spec`, and checks that it fits. Raises as `train` does."""
    if not validation:
        _refuse_choosing_by_the_test_set(spec)
    augmenter = _augmenter(spec)
    teachers = teacher_runs(spec.train.distill)
    data = load_dataset(dataset, data_dir, warn)
    _refuse_unfit_data(spec, data)
    if validation:
        data = data.hold_out(validation)
    _refuse_lonely_images(spec, len(data.train))
    refuse_unfit_teachers(teachers, spec, data.name, validation)
    return Material(data, augmenter, teachers)


def _refuse_choosing_by_the_test_set(spec: Spec) -> None:
    """Raises `UsageError` for a recipe that lets the scored images decide something."""
    if isinstance(spec.train.schedule, Plateau):
        deciding = "train.schedule: plateau goes by the loss"
    elif spec.train.early_stopping is not None:
        deciding = "train.early_stopping: goes by the accuracy"
    else:
        return
    raise UsageError(
        f"{spec.name}: {deciding} on held-out images, and the test set decides nothing: hold images out with "
        "--validation N"
    )


def _augmenter(spec: Spec) -> Augmenter | AffineAugmenter | None:
    steps = spec.train.augment
    if not steps:
        return None
    kind = AffineAugmenter if is_affine(steps) else Augmenter
    return kind(steps, spec.input.height, spec.input.width)


def _refuse_unfit_data(spec: Spec, data: Dataset) -> None:
    shape = (1, *data.train.images.shape[1:])
    asked = (spec.input.channels, spec.input.height, spec.input.width)
    if asked != shape:
        raise SpecError(
            f"{spec.name}: input is {shape_text(asked)}, {data.name} has {shape_text(shape)}: make the two alike"
        )
    classes = int(data.train.labels.max()) + 1
    if spec.classes != classes:
        raise SpecError(f"{spec.name}: classes is {spec.classes}, {data.name} has {classes}: make the two alike")


def _refuse_lonely_images(spec: Spec, images: int) -> None:
    """Raises `SpecError` for a batch of one image where batch norm sees one number per channel, which has no
    variance."""
    smallest = images % spec.train.batch_size or spec.train.batch_size
    for layer in spec.plan.layers:
        if smallest == 1 and layer.label == "batch_norm" and layer.output[1:] == (1, 1):
            raise SpecError(
                f"{spec.name}: train.batch_size: {spec.train.batch_size} leaves a batch of one image, which "
                f"{layer.name} (1x1) cannot normalise: choose another"
            )
